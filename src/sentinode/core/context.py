"""A tile's context: the square around it, `FACTOR` times as wide, at `FACTOR` times its µm/px.

Both have one centre and as many pixels, so that a tile with its context is one array (2, S, S, 3), the tile first.
"""

FACTOR = 4
"""Times wider than the tile. Of 96 px at 0.97 µm/px, a tile is 93 µm and its context 373 µm, a small lymph follicle."""
