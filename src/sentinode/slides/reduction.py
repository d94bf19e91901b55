"""Reducing pixels by area: every pixel made is the mean of the level pixels that it covers, each by its share."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.slides.reader import Pixels

_DRIFT_PX = 0.5
"""A scale is taken for a whole number where that moves no pixel of the rectangle by more than this, in level pixels."""


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


def level_extent(start: float, scale: float, count: int) -> tuple[int, Extent]:
    """What to read to make `count` pixels of `scale` level pixels each from `start` (level pixels, any fraction) on.

    Returns:
        (the first level pixel to read, the axis' extent). With a whole `scale` (but for less than half a pixel over
        the rectangle) the start is rounded to a level pixel, so that pixels are copied or averaged in whole blocks.
    """
    whole = max(1, round(scale))
    if abs(scale - whole) * count < _DRIFT_PX:
        return round(start), Extent(whole * count, count, whole, 0.0)
    first = int(np.floor(start + 1e-9))
    offset = max(0.0, start - first)
    return first, Extent(int(np.ceil(offset + count * scale - 1e-9)), count, scale, offset)


def reduce_area(pixels: Pixels, across: Extent, down: Extent) -> Pixels:
    """The pixels made: (down.made, across.made, 3) uint8, from (down.read, across.read, 3), rounded to nearest.

    Exact but for the final rounding (at most half a grey level), whole scales and others alike.
    """
    if across.scale == down.scale == 1:
        return pixels
    if across.offset == down.offset == 0 and float(across.scale).is_integer() and float(down.scale).is_integer():
        return _blocks(pixels, int(across.scale), int(down.scale))
    rows = _weigh(pixels, down)
    columns = _weigh(rows.transpose(1, 0, 2), across)
    return np.ascontiguousarray(np.floor(columns.transpose(1, 0, 2) + np.float32(0.5))).astype(np.uint8)


def _blocks(pixels: Pixels, across: int, down: int) -> Pixels:
    total = np.zeros((pixels.shape[0] // down, pixels.shape[1], 3), np.uint32)
    for row in range(down):
        total += pixels[row::down]
    summed = np.zeros((total.shape[0], total.shape[1] // across, 3), np.uint32)
    for column in range(across):
        summed += total[:, column::across]
    area = np.uint32(across * down)
    return ((summed + area // 2) // area).astype(np.uint8)


def _weigh(pixels: NDArray[np.generic], axis: Extent) -> NDArray[np.float32]:
    # (read, n, 3) → (made, n, 3) float32: the sum of each tap, a whole row of pixels at a time, times its share.
    edges = axis.offset + np.arange(axis.made + 1) * axis.scale
    first = np.floor(edges[:-1] + 1e-9).astype(np.int64)
    out = np.zeros((axis.made, *pixels.shape[1:]), np.float32)
    for tap in range(int(np.ceil(axis.scale)) + 1):
        index = first + tap
        share = np.minimum(edges[1:], index + 1) - np.maximum(edges[:-1], index)
        weight = (np.clip(share, 0, None) / axis.scale).astype(np.float32)
        out += pixels[np.minimum(index, axis.read - 1)] * weight[:, None, None]
    return out
