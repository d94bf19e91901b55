"""Tiling: a slide's size, its µm/px and a spec → level-0 coordinates. Pure: no file is opened, nothing is drawn."""

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sentinode.core.errors import DataError

if TYPE_CHECKING:
    from sentinode.slides.mpp import Mpp
    from sentinode.slides.tissue.tissue_mask import TissueMask

_SLACK = 0.5
"""Level-0 pixels at the right and lower edge that need no tile of their own: rounding of µm/px, not tissue."""


class TileSpec(BaseModel):
    """What tiles a model wants."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size_px: int = Field(gt=0)
    """Side of a tile in pixels at `mpp`, as the model sees it."""
    mpp: float = Field(gt=0, allow_inf_nan=False)
    """µm/px that the model wants."""
    stride_px: int | None = Field(default=None, gt=0)
    """From one tile to the next, in pixels at `mpp`; None: `size_px`, so that tiles touch and don't overlap."""
    min_tissue: float = Field(default=0.05, ge=0, le=1)
    """Least part of a tile that is tissue. A tile without any tissue is never kept while there is a mask."""
    context: bool = Field(default=False, exclude_if=lambda context: not context)
    """Whether the model sees what lies around each tile, too (see `core.context`)."""

    @property
    def step_px(self) -> int:
        """From one tile to the next, in pixels at `mpp`."""
        return self.stride_px or self.size_px


@dataclass(frozen=True)
class LevelZeroBox:
    """A rectangle of a slide in level-0 pixels: left, top, width and height."""

    x0: int
    y0: int
    width: int
    height: int

    def __post_init__(self) -> None:
        if self.width <= 0 or self.height <= 0:
            raise DataError(
                f"a region of {self.width} × {self.height} level-0 pixels is empty; give a width and a height above 0"
            )


@dataclass(frozen=True, eq=False)
class TilePlan:
    """Where the tiles of a slide lie, row by row from the top, each row from the left.

    Tiles of one row need the same rows of the slide, so a reader that keeps one row of tiles' worth of decoded file
    tiles decodes none twice; that is (slide width) × (tile height + one file tile) pixels of the level that is read.
    """

    x0: NDArray[np.int64]
    """(N,) left edge in level-0 pixels, within the slide."""
    y0: NDArray[np.int64]
    """(N,) upper edge in level-0 pixels, within the slide."""
    width: int
    """Width of every tile in level-0 pixels. At the right edge a tile may reach beyond the slide."""
    height: int
    """Height of every tile in level-0 pixels; differs from `width` where µm/px differs in x and y."""
    tissue: NDArray[np.float32]
    """(N,) part of each tile (of what lies on the slide) that is tissue; 1 where there is no mask."""
    spec: TileSpec

    def __len__(self) -> int:
        return len(self.x0)


def plan_tiles(
    slide_width: int,
    slide_height: int,
    slide_mpp: "Mpp",
    spec: TileSpec,
    mask: "TissueMask | None" = None,
    region: LevelZeroBox | None = None,
) -> TilePlan:
    """Lay a grid of tiles over a slide and keep those with enough tissue.

    The grid starts at the slide's upper left corner and covers the slide to its right and lower edge (as far as the
    stride is not larger than the tile). With `region`, those tiles of that same grid that have a pixel in it: the scan
    of a region gives the same tiles as the scan of the slide.

    Args:
        slide_width: Level-0 pixels.
        slide_height: Level-0 pixels.
        slide_mpp: µm/px of level 0.
        spec: Tile size, µm/px, stride, least tissue.
        mask: Tissue of this slide; None keeps every tile.
        region: Level-0 rectangle; None: the whole slide.

    Raises:
        DataError: The region has no pixel on the slide.
    """
    if region is not None:
        _check_region(region, slide_width, slide_height)
    scale_x, scale_y = spec.mpp / slide_mpp.x, spec.mpp / slide_mpp.y  # level-0 pixels in a tile pixel
    columns = _starts(slide_width, spec.size_px * scale_x, spec.step_px * scale_x)
    rows = _starts(slide_height, spec.size_px * scale_y, spec.step_px * scale_y)
    width, height = max(1, round(spec.size_px * scale_x)), max(1, round(spec.size_px * scale_y))
    if region is not None:
        columns = columns[(columns < region.x0 + region.width) & (columns + width > region.x0)]
        rows = rows[(rows < region.y0 + region.height) & (rows + height > region.y0)]
    y0, x0 = (axis.ravel() for axis in np.meshgrid(rows, columns, indexing="ij"))
    if mask is None:
        return TilePlan(x0, y0, width, height, np.ones(len(x0), np.float32), spec)
    tissue = mask.fraction(x0, y0, width, height).astype(np.float32)
    kept = (tissue > 0) & (tissue >= spec.min_tissue)
    return TilePlan(x0[kept], y0[kept], width, height, tissue[kept], spec)


def _starts(length: int, size: float, step: float) -> NDArray[np.int64]:
    """Rounded starts of the fewest tiles of `size` at a distance of `step` that cover `length`; all in pixels."""
    count = max(1, math.ceil((length - size - _SLACK) / step) + 1)
    starts = np.rint(np.arange(count) * step).astype(np.int64)
    # A stride larger than the tile can put the last one outside; a stride below a pixel can repeat one.
    return np.unique(starts[starts < length])


def start_before(place: float, step: float) -> int:
    """Where the tile that holds a place begins, in the grid with a tile every `step`; all in pixels along one axis."""
    number = int(place / step)
    if round((number + 1) * step) <= place:
        number += 1
    elif round(number * step) > place:
        number -= 1
    return round(max(0, number) * step)


def cells_of(starts: NDArray[np.int64], length: int, step: float) -> tuple[NDArray[np.int64], int]:
    """Which cell of the grid each tile begins in, and how many cells there are along an axis of `length` pixels.

    Args:
        starts: (N,) where the tiles begin, as `plan_tiles` rounded them.
        length: Of the slide.
        step: From one cell to the next.
    """
    cells = np.rint(starts / step).astype(np.int64)
    return cells, max(math.ceil((length - _SLACK) / step), int(cells.max(initial=-1)) + 1, 1)


def _check_region(region: LevelZeroBox, slide_width: int, slide_height: int) -> None:
    outside_x = region.x0 >= slide_width or region.x0 + region.width <= 0
    outside_y = region.y0 >= slide_height or region.y0 + region.height <= 0
    if outside_x or outside_y:
        raise DataError(
            f"the region at ({region.x0}, {region.y0}) of {region.width} × {region.height} level-0 pixels lies outside "
            f"the slide of {slide_width} × {slide_height}; give a region of this slide"
        )
