"""From the cells of a layer's map to the pixels of a tile, and from turned views back to the tile as it lies."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sentinode.core.covering import starts, tiles_along

_FLIPS: tuple[tuple[int, ...], ...] = ((), (1,), (2,), (1, 2))
"""Axes of (n, h, w) that the orientations flip, in the order of `models.deployed.orientations`."""


def turned_back(maps: Tensor) -> Tensor:
    """(8N, h, w) maps of the eight orientations → (8, N, h, w), each as the tile lies. Undoes `orientations`."""
    parts = []
    for number, part in enumerate(maps.chunk(8)):
        flipped = torch.flip(part, _FLIPS[number % 4])
        parts.append(flipped.transpose(1, 2) if number >= 4 else flipped)
    return torch.stack(parts)


def spread(cells: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """(N, h, w) → (N, height, width): each cell's value shared out over its pixels and, smoothly, their neighbours.

    The sum of a map stays the same, and an even map stays even, up to the border.
    """
    down, across = spread_matrix(cells.shape[1], height), spread_matrix(cells.shape[2], width)
    return np.asarray(down @ cells.astype(np.float64) @ across.T, np.float32)


@cache
def spread_matrix(cells: int, pixels: int) -> NDArray[np.float64]:
    """(pixels, cells), columns sum to 1: shares of area, then a mean over one cell's width, mirrored at the border.

    Both together are linear interpolation between the cells' centres.
    """
    edges = np.arange(cells + 1) * pixels / cells
    low, high = np.arange(pixels)[:, None], np.arange(1, pixels + 1)[:, None]
    shares = np.clip(np.minimum(high, edges[1:]) - np.maximum(low, edges[:-1]), 0, None) * cells / pixels
    reach = int(pixels / cells / 2)
    mean = np.zeros((pixels, pixels))
    rows = np.arange(pixels)
    for step in range(-reach, reach + 1):
        place = (rows + step) % (2 * pixels)  # mirrored: … 1 0 | 0 1 … n−1 | n−1 …
        np.add.at(mean, (rows, np.where(place < pixels, place, 2 * pixels - 1 - place)), 1 / (2 * reach + 1))
    return np.asarray(mean @ shares)


def joined_tiles(maps: NDArray[np.float32], height: int, width: int) -> NDArray[np.float32]:
    """(N · n, side, side) maps of the n tiles that `covering.cut` makes of an image → (N, height, width), summed."""
    side = maps.shape[1]
    rows = starts(np.arange(tiles_along(height, side)), height, side)
    columns = starts(np.arange(tiles_along(width, side)), width, side)
    grid = maps.reshape(-1, len(rows), len(columns), side, side)
    out = np.zeros((len(grid), height, width), np.float32)
    for down, top in enumerate(rows):
        for along, left in enumerate(columns):
            out[:, top : top + side, left : left + side] += grid[:, down, along]
    return out
