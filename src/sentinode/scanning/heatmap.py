"""The heatmap: scores of tiles on the grid of their stride."""

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.slides.mpp import Mpp
from sentinode.slides.tile_plan import TileSpec

_SLACK = 0.5
"""Level-0 pixels at the right and lower edge that need no cell of their own, as in the tiling."""


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
    columns, rows = np.rint(x0 / across).astype(np.int64), np.rint(y0 / down).astype(np.int64)
    width = max(math.ceil((slide_width - _SLACK) / across), int(columns.max(initial=-1)) + 1, 1)
    height = max(math.ceil((slide_height - _SLACK) / down), int(rows.max(initial=-1)) + 1, 1)
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


def read_heatmap(scan: Path, target: str | None = None) -> Heatmap:
    """The heatmap of a finished scan, as floats.

    Args:
        scan: The scan's folder.
        target: A class; None: the one that was looked for.

    Raises:
        DataError: It holds no whole scan.
    """
    from sentinode.core.errors import DataError
    from sentinode.scanning.scan_record import read_record
    from sentinode.scanning.tiles_file import read_scanned_tiles

    record, tiles = read_record(scan), read_scanned_tiles(scan)
    if record.slide is None or record.bundle is None:
        raise DataError(f"{scan} holds no finished scan: its status is {record.status}; scan the slide again")
    slide = record.slide
    column = tiles.classes.index(target or record.bundle.target)
    return build_heatmap(
        slide.width, slide.height, Mpp(slide.mpp_x, slide.mpp_y), tiles.spec, tiles.x0, tiles.y0,
        tiles.scores[:, column],
    )  # fmt: skip


def _covered(tile_in_cells: float) -> list[float]:
    """How much of its own cell and of each following one a tile covers, along one axis."""
    if tile_in_cells <= 1:
        return [1.0]
    return [min(1.0, tile_in_cells - number) for number in range(math.ceil(tile_in_cells - 1e-9))]
