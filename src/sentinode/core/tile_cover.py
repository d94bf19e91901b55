"""Cutting an image of any size into square tiles of one size: evenly spaced, with nothing padded and no pixel missed.

The arithmetic is on whole numbers only, so that arrays, tensors and a graph whose sizes are not known yet all agree.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def tiles_along(length: Any, side: int) -> Any:
    """The fewest tiles of `side` that cover `length` pixels, which are at least `side`."""
    return (length + side - 1) // side


def starts(numbers: Any, length: Any, side: int) -> Any:
    """The first pixel of each tile along an axis: round(i · (length − side) / (n − 1)), halves upwards.

    Args:
        numbers: 0 … n − 1 with n = `tiles_along(length, side)`, as an array or a tensor.
        length: Pixels along the axis.
        side: Of a tile.
    """
    count = tiles_along(length, side)
    gaps = count - 1 + 1 // count  # of a single tile 1, so that nothing is divided by 0
    return (2 * numbers * (length - side) + gaps) // (2 * gaps)


def tile_count(height: int, width: int, side: int) -> int:
    """Tiles of an image; 0 of one that is smaller than a tile."""
    return 0 if min(height, width) < side else int(tiles_along(height, side) * tiles_along(width, side))


def cut(image: NDArray[np.uint8], side: int) -> NDArray[np.uint8]:
    """An image (H, W, 3), H and W at least `side`, as its tiles (n, side, side, 3), row by row."""
    rows, columns = _pixels(image.shape[0], side), _pixels(image.shape[1], side)
    tiles = image[rows.reshape(-1, 1), columns.reshape(1, -1)]  # (ny · side, nx · side, 3)
    grid = tiles.reshape(len(rows), side, len(columns), side, -1).swapaxes(1, 2)
    return np.ascontiguousarray(grid.reshape(-1, side, side, image.shape[2]))


def joined(tiles: NDArray[np.uint8], height: int, width: int) -> NDArray[np.uint8]:
    """The image (height, width, 3) whose tiles these are; undoes `cut`."""
    side = tiles.shape[1]
    rows, columns = _pixels(height, side), _pixels(width, side)
    image = np.empty((height, width, tiles.shape[3]), dtype=tiles.dtype)
    grid = tiles.reshape(len(rows), len(columns), side, side, -1)
    for down, row in enumerate(rows):
        for across, column in enumerate(columns):
            image[row[0] : row[0] + side, column[0] : column[0] + side] = grid[down, across]
    return image


def _pixels(length: int, side: int) -> NDArray[np.int64]:
    """(n, side): the pixels of each tile along an axis."""
    first: NDArray[np.int64] = starts(np.arange(tiles_along(length, side)), length, side)
    return first[:, None] + np.arange(side)
