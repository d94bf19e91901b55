"""From the cells of a layer's map to the pixels of a tile, and from turned views back to the tile as it lies."""

from functools import cache

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sentinode.core.tile_cover import starts, tiles_along
from sentinode.explanation.receptive_fields import Centres

_FLIPS: tuple[tuple[int, ...], ...] = ((), (1,), (2,), (1, 2))
"""Axes of (n, h, w) that the orientations flip, in the order of `models.deployed.orientations`."""


def turned_back(maps: Tensor) -> Tensor:
    """(8N, h, w) maps of the eight orientations → (8, N, h, w), each as the tile lies. Undoes `orientations`."""
    parts = []
    for number, part in enumerate(maps.chunk(8)):
        flipped = torch.flip(part, _FLIPS[number % 4])
        parts.append(flipped.transpose(1, 2) if number >= 4 else flipped)
    return torch.stack(parts)


def spread(cells: NDArray[np.float32], rows: Centres, columns: Centres, height: int, width: int) -> NDArray[np.float32]:
    """(N, h, w) → (N, height, width): each cell's value shared out over the pixels around its centre.

    The sum of a map stays the same. Between the centres a map is linear; beyond the outermost it goes on as it is
    there, so that the cells at the border, whose value is shared out over more pixels, come out weaker.

    Args:
        cells: The maps.
        rows: Centres of the cells down the image, in its pixels, from its upper edge.
        columns: The same across.
        height: Of the image, in pixels.
        width: Of the image, in pixels.
    """
    down, across = spread_matrix(rows, height), spread_matrix(columns, width)
    return np.asarray(down @ cells.astype(np.float64) @ across.T, np.float32)


@cache
def spread_matrix(centres: Centres, pixels: int) -> NDArray[np.float64]:
    """(pixels, cells) shares: columns sum to 1."""
    places = np.arange(pixels) + 0.5
    weights = np.stack([np.interp(places, centres, one) for one in np.eye(len(centres))], axis=1)
    # Where a network gets tiles enlarged, several cells may lie between the same two pixels.
    missed = np.flatnonzero(weights.sum(0) == 0)
    weights[np.clip(np.asarray(centres)[missed].astype(int), 0, pixels - 1), missed] = 1
    return np.asarray(weights / weights.sum(0))


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
