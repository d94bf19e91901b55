"""The heatmap: scores of tiles on the grid of their stride; and `heatmap.tif`, for QuPath and image programs."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.extras import require
from sentinode.core.files import atomic_file
from sentinode.core.palette import PALETTE, colours_of
from sentinode.scanning.scan_record import HEATMAP_FILE
from sentinode.slides.mpp import Mpp
from sentinode.slides.tile_plan import TileSpec, cells_of

tifffile = require("tifffile", extra="scan")

_TILE_PX = 256
_SMALLEST_PX = 16
_UM_PER_CM = 10_000.0


@dataclass(frozen=True, eq=False)
class Heatmap:
    """Scores of one class over a slide; the first cell starts at the slide's upper left corner."""

    values: NDArray[np.float32]
    """(h, w) 0 to 1; NaN where nothing was scanned."""
    mpp: Mpp
    """µm of a cell, each way."""
    downsample_x: float
    """Level-0 pixels of a cell, across."""
    downsample_y: float
    """Level-0 pixels of a cell, down."""


def build_heatmap(
    slide_width: int,
    slide_height: int,
    slide_mpp: Mpp,
    spec: TileSpec,
    x0: NDArray[np.int64],
    y0: NDArray[np.int64],
    scores: NDArray[np.float32],
) -> Heatmap:
    """Put the scores of tiles onto a grid with cells of one stride.

    Where tiles overlap, a cell is the mean of the tiles that cover it, each weighted by the area that it covers. Where
    the stride is larger than the tile, a cell is its tile's.

    Args:
        slide_width: Level-0 pixels.
        slide_height: Level-0 pixels.
        slide_mpp: µm/px of level 0.
        spec: As the tiles were planned.
        x0: (N,) left edges of the tiles, level-0 pixels.
        y0: (N,) upper edges.
        scores: (N,) NaN for a tile that could not be read.
    """
    cell_um = spec.step_px * spec.mpp
    across, down = cell_um / slide_mpp.x, cell_um / slide_mpp.y
    columns, width = cells_of(x0, slide_width, across)
    rows, height = cells_of(y0, slide_height, down)
    sums, weights = np.zeros((height, width)), np.zeros((height, width))
    read = np.isfinite(scores)
    columns, rows, scores = columns[read], rows[read], scores[read]
    parts = _covered(spec.size_px / spec.step_px)
    for below, part_y in enumerate(parts):
        for right, part_x in enumerate(parts):
            inside = (rows + below < height) & (columns + right < width)
            place = rows[inside] + below, columns[inside] + right
            np.add.at(sums, place, part_x * part_y * scores[inside])
            np.add.at(weights, place, part_x * part_y)
    values = np.divide(sums, weights, out=np.full_like(sums, np.nan), where=weights > 0).astype(np.float32)
    return Heatmap(values, Mpp(cell_um, cell_um), across, down)


def _covered(tile_in_cells: float) -> list[float]:
    """How much of its own cell and of each following one a tile covers, along one axis."""
    if tile_in_cells <= 1:
        return [1.0]
    return [min(1.0, tile_in_cells - number) for number in range(math.ceil(tile_in_cells - 1e-9))]


def build_attention(
    slide_width: int,
    slide_height: int,
    slide_mpp: Mpp,
    spec: TileSpec,
    x0: NDArray[np.int64],
    y0: NDArray[np.int64],
    attention: NDArray[np.float32],
) -> Heatmap:
    """A slide model's attention on the same grid, each tile's as a share of the largest: attention, no probability.

    Args: As for `build_heatmap`; `attention` is (N,), 1 in sum, NaN for a tile that could not be read.
    """
    largest = np.nanmax(attention, initial=0)
    shares = attention / largest if largest else attention
    return build_heatmap(slide_width, slide_height, slide_mpp, spec, x0, y0, np.asarray(shares, np.float32))


def write_heatmap(folder: Path, heatmap: Heatmap, target: str) -> None:
    """Write `heatmap.tif`, of the probability of the class `target`; see `write_coloured`."""
    write_coloured(folder / HEATMAP_FILE, heatmap, f"probability of {target}, 0 to 1")


def write_coloured(path: Path, heatmap: Heatmap, what: str) -> None:
    """Write a heatmap as a pyramid with µm/px: one pixel a cell, in colours; transparent where nothing was scanned.

    Levels are halved until the longer side is 16 pixels; a pixel of a level has the mean score of the scanned cells
    below it, so that a level is a heatmap, too, and not a blend of colours.

    Args:
        path: Of the file.
        heatmap: Values from 0 to 1.
        what: They are, for the file's description.
    """
    levels = [heatmap.values]
    while max(levels[-1].shape) > _SMALLEST_PX and min(levels[-1].shape) > 1:
        levels.append(_halved(levels[-1]))
    about = f"sentinode heatmap: {what} in the palette {PALETTE}; transparent: not scanned"
    with atomic_file(path) as temporary, tifffile.TiffWriter(temporary) as file:
        for number, values in enumerate(levels):
            per_cm = (_UM_PER_CM / (heatmap.mpp.x * 2**number), _UM_PER_CM / (heatmap.mpp.y * 2**number))
            file.write(
                colours_of(values),
                photometric="rgb",
                extrasamples=["unassalpha"],
                tile=(_TILE_PX, _TILE_PX),
                compression="adobe_deflate",
                resolution=per_cm,
                resolutionunit="CENTIMETER",
                subfiletype=1 if number else 0,
                description=about.encode("ascii", "replace").decode() if number == 0 else None,
                metadata=None,
                software="sentinode",
            )


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the scanned cells of each 2×2; an odd last row or column is left out, as pyramids have it."""
    height, width = (side // 2 * 2 for side in values.shape)
    blocks = values[:height, :width].reshape(height // 2, 2, width // 2, 2)
    scanned = np.isfinite(blocks)
    count = scanned.sum(axis=(1, 3))
    total = np.where(scanned, blocks, 0).sum(axis=(1, 3))
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return np.asarray(mean, np.float32)
