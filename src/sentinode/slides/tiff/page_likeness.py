"""Whether one page of a TIFF file is a smaller copy of another: for files whose levels nobody marked as such."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.extras import require

_TILES = 3
"""Tiles that are compared: those with the most bytes, so with the most to see."""
_BLOCKS = 4
"""Means over so many blocks each way are compared, which no way of reducing changes much."""
_APART = 12.0
"""Grey levels by which they may differ in the mean: more than reducing does, less than other tissue."""


def shows_the_same(path: Path, large: int, small: int) -> bool:
    """Whether page `small` of the file shows what page `large` shows; both tiled, their sides in one ratio.

    False, too, where a page can't be decoded.
    """
    tifffile = require("tifffile", extra="scan")
    with tifffile.TiffFile(path) as file:
        pages = file.pages[large], file.pages[small]
        try:
            sizes = np.asarray(pages[0].databytecounts)
            apart = [_difference(file, *pages, int(number)) for number in np.argsort(-sizes)[:_TILES]]
            return max(apart) <= _APART
        except (RuntimeError, ValueError, IndexError, TypeError, OSError, ArithmeticError):
            return False


def _difference(file: Any, large: Any, small: Any, number: int) -> float:
    """Mean difference in grey levels between a tile of the large page and that part of the small one."""
    scale = large.imagewidth / small.imagewidth
    tile, left, top = _tile(file, large, number)
    middle_x, middle_y = (left + tile.shape[1] / 2) / scale, (top + tile.shape[0] / 2) / scale
    across = -(-small.imagewidth // small.tilewidth)
    there = int(middle_y // small.tilelength) * across + int(middle_x // small.tilewidth)
    other, other_left, other_top = _tile(file, small, there)
    # What both tiles show, in pixels of each.
    x = max(left / scale, other_left), min((left + tile.shape[1]) / scale, other_left + other.shape[1])
    y = max(top / scale, other_top), min((top + tile.shape[0]) / scale, other_top + other.shape[0])
    mine = _means(tile, [side * scale - left for side in x], [side * scale - top for side in y])
    others = _means(other, [side - other_left for side in x], [side - other_top for side in y])
    return float(np.abs(mine - others).mean())


def _tile(file: Any, page: Any, number: int) -> tuple[NDArray[np.float64], int, int]:
    """A tile's pixels within the page, (h, w, samples), and its place."""
    file.filehandle.seek(page.dataoffsets[number])
    data = file.filehandle.read(page.databytecounts[number])
    pixels = page.decode(data, number, jpegtables=page.jpegtables)[0][0]
    row, column = divmod(number, -(-page.imagewidth // page.tilewidth))
    left, top = column * page.tilewidth, row * page.tilelength
    return pixels[: page.imagelength - top, : page.imagewidth - left].astype(np.float64), left, top


def _means(pixels: NDArray[np.float64], x: list[float], y: list[float]) -> NDArray[np.float64]:
    """(blocks, blocks, samples) means over parts of a rectangle; each part is a pixel at least."""
    columns, rows = (_parts(*sides) for sides in (x, y))
    return np.array([[pixels[row, column].mean(axis=(0, 1)) for column in columns] for row in rows])


def _parts(start: float, stop: float) -> list[slice]:
    edges = np.linspace(start, stop, _BLOCKS + 1).astype(int).tolist()
    return [slice(low, max(low + 1, high)) for low, high in pairwise(edges)]
