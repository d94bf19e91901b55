"""Reading a large rectangle of a level and reducing it as it comes: never more than a band of it is in memory."""

import math
from collections.abc import Callable, Iterator

import numpy as np

from sentinode.slides.reader import Pixels
from sentinode.slides.reduction import Extent, area_shares, level_extent, reduce_area

_BAND_BYTES = 16 << 20
"""Of level pixels in one band, at most."""
_BLOCK_PX = 1024
"""Side of a block, where even the level pixels of a single row of pixels made are more than a band. Blocks lie on the
grid of the file's tiles, which are mostly of 256 px or a power of two times that, so that no tile is decoded twice."""

ReadLevel = Callable[[int, int, int, int], Pixels]
"""Called with x, y, width and height in pixels of a level; what lies outside of it is white."""


def read_reduced(
    read: ReadLevel, corner: tuple[float, float], scale: tuple[float, float], size: tuple[int, int]
) -> Pixels:
    """A rectangle of a level, reduced by area (see `reduction`).

    Args:
        read: Reads the level.
        corner: x and y of the top left corner, in level pixels, any fraction.
        scale: Level pixels for each pixel made, along x and y.
        size: Width and height to make.

    Returns:
        (height, width, 3) uint8.
    """
    (x, y), (scale_x, scale_y), (width, height) = corner, scale, size
    left, across = level_extent(x, scale_x, width)
    row_bytes = 3 * across.read * scale_y
    rows = int(_BAND_BYTES / row_bytes)
    reduce = _reduced_band if rows else _reduced_blocks
    rows = max(1, rows or int(_BLOCK_PX / scale_y))
    if rows >= height:
        return reduce(read, left, across, *level_extent(y, scale_y, height))
    out = np.empty((height, width, 3), np.uint8)
    for start in range(0, height, rows):
        down = level_extent(y + start * scale_y, scale_y, min(rows, height - start))
        out[start : start + rows] = reduce(read, left, across, *down)
    return out


def _reduced_band(read: ReadLevel, left: int, across: Extent, top: int, down: Extent) -> Pixels:
    return reduce_area(read(left, top, across.read, down.read), across, down)


def _reduced_blocks(read: ReadLevel, left: int, across: Extent, top: int, down: Extent) -> Pixels:
    """As `_reduced_band`, a block at a time: each adds its share to the pixels made that it lies in."""
    columns, rows = (area_shares(axis).tocsc() for axis in (across, down))
    made = np.zeros((down.made, across.made * 3))
    for y, block_height in _blocks(top, down.read):
        band = np.zeros((across.made, down.made, 3))
        upper = rows[:, y - top : y - top + block_height]
        for x, block_width in _blocks(left, across.read):
            block = read(x, y, block_width, block_height)
            part = upper @ block.reshape(block_height, block_width * 3).astype(np.float32)
            turned = part.reshape(down.made, block_width, 3).transpose(1, 0, 2).reshape(block_width, -1)
            beside = columns[:, x - left : x - left + block_width]
            band += (beside @ turned.astype(np.float64)).reshape(band.shape)
        made += band.transpose(1, 0, 2).reshape(made.shape)
    return (made + 0.5).astype(np.uint8).reshape(down.made, across.made, 3)


def _blocks(start: int, length: int) -> Iterator[tuple[int, int]]:
    """Start and length of the blocks along an axis, whose edges lie on whole multiples of their side."""
    end = start + length
    while start < end:
        following = min(end, (math.floor(start / _BLOCK_PX) + 1) * _BLOCK_PX)
        yield start, following - start
        start = following
