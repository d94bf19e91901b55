"""Reducing pixels by area: every pixel made is the mean of the level pixels that it covers, each by its share."""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from PIL import Image

from sentinode.core.extras import require
from sentinode.slides.reader import Pixels

_DRIFT_PX = 0.5
"""A scale is taken for a whole number where that moves no pixel of the rectangle by more than this, in level pixels."""
_KEPT_PX = 4096
"""Shares of longer axes, as of thumbnails, are not kept: they have megabytes and are hardly asked for again."""


@dataclass(frozen=True)
class Extent:
    """One axis of a reduction."""

    read: int
    """Level pixels to read."""
    made: int
    """Pixels to make of them."""
    scale: float
    """Level pixels for each pixel made; a whole number, then `offset` is 0, or any positive number."""
    offset: float
    """Where the first pixel made begins, in level pixels from the first one read; at least 0, below 1."""

    @property
    def halvings(self) -> bool:
        """Whether every pixel made is a block of 1, 2, 4, 8… whole pixels."""
        return self.offset == 0 and self.scale >= 1 and math.log2(self.scale).is_integer()


def is_copied(scale: float, count: int) -> bool:
    """Whether `count` pixels of `scale` level pixels each are level pixels as they are (see `level_extent`)."""
    return abs(scale - 1) * count < _DRIFT_PX


def level_extent(start: float, scale: float, count: int) -> tuple[int, Extent]:
    """What to read to make `count` pixels of `scale` level pixels each from `start` (level pixels, any fraction) on.

    Returns:
        (the first level pixel to read, the axis' extent). With a whole `scale` (but for less than half a pixel over
        the rectangle) the start is rounded to a level pixel, so that pixels are copied or averaged in whole blocks.
    """
    whole = max(1, round(scale))
    if abs(scale - whole) * count < _DRIFT_PX:
        return round(start), Extent(whole * count, count, whole, 0.0)
    first = math.floor(start + 1e-9)
    offset = max(0.0, start - first)
    return first, Extent(math.ceil(offset + count * scale - 1e-9), count, scale, offset)


def reduce_area(pixels: Pixels, across: Extent, down: Extent) -> Pixels:
    """The pixels made: (down.made, across.made, 3) uint8, from (down.read, across.read, 3), rounded to nearest.

    Exact but for the final rounding (half a grey level), with whole scales and others. Resampling with a box filter in
    Pillow or OpenSlide is not: between whole scales it takes or leaves whole pixels.

    Raises:
        MissingExtraError: The `scan` extra is not installed.
    """
    if across.scale == down.scale == 1:
        return pixels
    if across.halvings and down.halvings:
        # Much faster. Pillow's fixed-point division rounds right for powers of two, and for 3 it is off by up to 0.67.
        return np.asarray(Image.fromarray(pixels).reduce((int(across.scale), int(down.scale))))
    # One axis after the other, each as the rows of a sparse matrix product: it runs without the interpreter's lock.
    rows = area_shares(down) @ pixels.reshape(down.read, across.read * 3).astype(np.float32)
    turned = np.ascontiguousarray(rows.reshape(down.made, across.read, 3).transpose(1, 0, 2))
    made = area_shares(across) @ turned.reshape(across.read, down.made * 3)
    made += np.float32(0.5)
    return np.ascontiguousarray(made.astype(np.uint8).reshape(across.made, down.made, 3).transpose(1, 0, 2))


def area_shares(axis: Extent) -> Any:
    """How much of each pixel made lies over each pixel read: (made, read), sparse, float32; each row's sum is 1."""
    return _kept_shares(axis) if axis.read <= _KEPT_PX else _shares(axis)


def _shares(axis: Extent) -> Any:
    sparse = require("scipy.sparse", extra="scan")
    edges = axis.offset + np.arange(axis.made + 1) * axis.scale
    first = np.floor(edges[:-1] + 1e-9).astype(np.int64)
    index = first[:, None] + np.arange(math.ceil(axis.scale) + 1)
    share = np.minimum(edges[1:, None], index + 1) - np.maximum(edges[:-1, None], index)
    share = np.clip(share, 0, None) / axis.scale
    row, column = np.nonzero(share > 1e-9)
    place = (row, np.minimum(index[row, column], axis.read - 1))
    return sparse.csr_matrix((share[row, column].astype(np.float32), place), shape=(axis.made, axis.read))


_kept_shares = lru_cache(maxsize=512)(_shares)  # tiles of one plan share few fractions of a pixel
