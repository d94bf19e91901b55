"""Numbers of the tags that are read (TIFF 6.0, its Technical Notes, TIFF/EP), and of their values."""

SUBFILE_TYPE, OLD_SUBFILE_TYPE, WIDTH, HEIGHT, BITS, COMPRESSION, PHOTOMETRIC = 254, 255, 256, 257, 258, 259, 262
FILL_ORDER, DESCRIPTION, ORIENTATION, SAMPLES, X_RESOLUTION, Y_RESOLUTION = 266, 270, 274, 277, 282, 283
PLANAR, RESOLUTION_UNIT, SOFTWARE, PREDICTOR, EXTRA_SAMPLES = 284, 296, 305, 317, 338
TILE_WIDTH, TILE_HEIGHT, TILE_OFFSETS, TILE_BYTES, JPEG_TABLES, XMP, NDPI = 322, 323, 324, 325, 347, 700, 65420

REDUCED, MASK = 1, 4
"""Bits of the subfile type."""
WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE = 0, 1, 3
"""Of the photometric interpretation, beside RGB and YCbCr."""
UNSPECIFIED = 0
"""Of the extra samples: neither of the two kinds of alpha."""
TOP_LEFT = 1
"""Of the orientation: as the pixels are stored."""
