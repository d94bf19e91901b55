"""Where a slide has tissue: a mask at about 8 µm/px, and what was left out, counted as area."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from sentinode.slides.mpp import Mpp
from sentinode.slides.tissue.mask_shapes import circle_px, without_holes, without_small, without_thin
from sentinode.slides.tissue.stain import find_blur, find_stain

if TYPE_CHECKING:
    from sentinode.slides.slide import Slide
    from sentinode.slides.tissue.tissue_model import TissueModel

BLUR, SPECKS, GLASS = "blur", "specks", "glass"
"""Reasons besides those of `stain`: out of focus, stained but too small or thin, and not stained at all."""


class TissueConfig(BaseModel):
    """How a tissue mask is made. Lengths are diameters in µm."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mpp: float = Field(default=8.0, ge=4, le=16)
    """µm/px of the mask. At 8 a slide of 25 × 20 mm is 3,000 × 2,500 pixels, and a lone cell cluster still several."""
    smallest_um: float = Field(default=50.0, ge=0)
    """Pieces of tissue whose area is under that of a circle of this diameter are dust. A single 96-px patch at
    0.972 µm/px has the area of one of 105 µm."""
    hole_um: float = Field(default=60.0, ge=0)
    """Holes whose area is under that of a circle of this diameter are filled: a vessel, a crack. Fat cells measure 50
    to 120 µm, and most stay holes."""
    membrane_um: float = Field(default=24.0, ge=0)
    """Structures thinner than this are removed: the walls of fat cells, threads, the rims of bubbles."""
    pen: bool = True
    """Leave out ink: blue, green, black."""
    blur: bool = True
    """Leave out what is so far out of focus that no structure is left in it."""


@dataclass(frozen=True, eq=False)
class TissueMask:
    """Tissue of a slide; its first pixel starts at the slide's upper left corner."""

    mask: NDArray[np.bool_]
    """(h, w) True where there is tissue. May be False everywhere: a blank slide is a result, not an error."""
    mpp: Mpp
    """µm/px of the mask."""
    slide_mpp: Mpp
    """µm/px of the slide's level 0."""
    excluded: Mapping[str, float] = field(default_factory=dict)
    """mm² of what is not tissue, by reason; with `tissue_mm2` it sums to the mask's area."""

    @property
    def downsample_x(self) -> float:
        """Level-0 pixels in a mask pixel, across."""
        return self.mpp.x / self.slide_mpp.x

    @property
    def downsample_y(self) -> float:
        """Level-0 pixels in a mask pixel, down."""
        return self.mpp.y / self.slide_mpp.y

    @property
    def tissue_mm2(self) -> float:
        """Area of the tissue in mm²."""
        return float(self.mask.sum()) * self.mpp.x * self.mpp.y * 1e-6

    def fraction(
        self, x0: NDArray[np.int64], y0: NDArray[np.int64], width: float, height: float
    ) -> NDArray[np.float64]:
        """The part of each rectangle that is tissue, exactly (parts of mask pixels count as parts).

        Args:
            x0: (N,) left edges in level-0 pixels.
            y0: (N,) upper edges in level-0 pixels.
            width: Of every rectangle, level-0 pixels.
            height: Of every rectangle, level-0 pixels.

        Returns:
            (N,) 0 to 1. What lies beyond the mask does not count; a rectangle that lies all outside has 0.
        """
        rows, columns = self.mask.shape
        left, right = (np.clip(np.asarray(x) / self.downsample_x, 0, columns) for x in (x0, x0 + width))
        top, bottom = (np.clip(np.asarray(y) / self.downsample_y, 0, rows) for y in (y0, y0 + height))
        inside = (
            self._area_to(bottom, right) - self._area_to(top, right)
            - self._area_to(bottom, left) + self._area_to(top, left)
        )  # fmt: skip
        whole = (right - left) * (bottom - top)
        return np.clip(np.divide(inside, whole, out=np.zeros_like(whole), where=whole > 0), 0, 1)

    def covered(self, x0: NDArray[np.int64], y0: NDArray[np.int64], width: float, height: float) -> float:
        """The part of the tissue that lies in any of the rectangles, to whole mask pixels; 0 without tissue.

        Args:
            x0: (N,) left edges in level-0 pixels.
            y0: (N,) upper edges in level-0 pixels.
            width: Of every rectangle, level-0 pixels.
            height: Of every rectangle, level-0 pixels.
        """
        rows, columns = self.mask.shape
        left, right = (np.clip(np.rint(x / self.downsample_x).astype(int), 0, columns) for x in (x0, x0 + width))
        top, bottom = (np.clip(np.rint(y / self.downsample_y).astype(int), 0, rows) for y in (y0, y0 + height))
        edges = np.zeros((rows + 1, columns + 1), np.int32)  # sums of it say how many rectangles a pixel lies in
        for y, x, step in ((top, left, 1), (bottom, right, 1), (top, right, -1), (bottom, left, -1)):
            np.add.at(edges, (y, x), step)
        inside = edges.cumsum(axis=0).cumsum(axis=1)[:-1, :-1] > 0
        tissue = int(self.mask.sum())
        return float((inside & self.mask).sum()) / tissue if tissue else 0.0

    def _area_to(self, y: NDArray[np.float64], x: NDArray[np.float64]) -> NDArray[np.float64]:
        """(N,) mask pixels of tissue above y and left of x: bilinear in the integral image, which is exact."""
        rows, columns = self.mask.shape
        top = np.minimum(y.astype(np.int64), rows - 1)
        left = np.minimum(x.astype(np.int64), columns - 1)
        down, across = y - top, x - left
        sums = self._integral
        return np.asarray(
            (1 - down) * ((1 - across) * sums[top, left] + across * sums[top, left + 1])
            + down * ((1 - across) * sums[top + 1, left] + across * sums[top + 1, left + 1])
        )

    @cached_property
    def _integral(self) -> NDArray[np.int64]:
        sums = np.zeros((self.mask.shape[0] + 1, self.mask.shape[1] + 1), np.int64)
        np.cumsum(np.cumsum(self.mask, axis=0, dtype=np.int64), axis=1, out=sums[1:, 1:])
        return sums


@dataclass(frozen=True, eq=False)
class Found:
    """Tissue of an overview, and what is not tissue by reason; together they are every pixel, none twice."""

    mask: NDArray[np.bool_]
    excluded: Mapping[str, NDArray[np.bool_]]
    """(h, w) each."""


@dataclass(frozen=True, eq=False)
class Survey:
    """A slide seen as a whole."""

    overview: NDArray[np.uint8]
    """(h, w, 3) RGB at the mask's µm/px."""
    mask: TissueMask
    excluded: Mapping[str, NDArray[np.bool_]]
    """(h, w) each: what is not tissue, by reason."""

    @classmethod
    def of(cls, overview: NDArray[np.uint8], tissue: Found, um_per_px: float, slide_mpp: Mpp) -> Self:
        """The survey of a slide whose overview has this tissue."""
        areas = {reason: float(where.sum()) * um_per_px**2 * 1e-6 for reason, where in tissue.excluded.items()}
        mask = TissueMask(tissue.mask, Mpp(um_per_px, um_per_px), slide_mpp, areas)
        return cls(overview, mask, tissue.excluded)


def tissue_mask(slide: "Slide", config: TissueConfig | None = None, model: "TissueModel | None" = None) -> TissueMask:
    """The tissue of a slide, by rules or by a learned model.

    Args:
        slide: An open slide with known µm/px.
        config: None: the defaults.
        model: A model of `sentinode tissue train`; None: the rules.

    Raises:
        SlideError: The slide's µm/px is unknown, or it can't be read.
    """
    return survey(slide, config, model).mask


def survey(slide: "Slide", config: TissueConfig | None = None, model: "TissueModel | None" = None) -> Survey:
    """The tissue of a slide together with the overview that it was found on; see `tissue_mask`."""
    chosen = config or TissueConfig()
    # A model wants the µm/px it was trained at. A plain image may be coarser than the mask would be.
    mpp = model.info.mpp if model else max(chosen.mpp, slide.mpp.x, slide.mpp.y)
    overview = slide.thumbnail(mpp=mpp)
    return Survey.of(overview, mask_of(overview, mpp, chosen, model), mpp, slide.mpp)


def mask_of(
    overview: NDArray[np.uint8], um_per_px: float, config: TissueConfig, model: "TissueModel | None" = None
) -> Found:
    """The tissue of a slide's overview.

    Args:
        overview: (h, w, 3) uint8, RGB.
        um_per_px: Of the overview.
        config: Sizes and switches.
        model: Says what is stained in place of the rules; ink, borders and blur are then its business, too.
    """
    if model is None:
        stain = find_stain(overview, um_per_px, pen=config.pen)
        candidates, excluded = stain.stained, dict(stain.artefacts)
        if config.blur:
            excluded[BLUR] = find_blur(stain.density, candidates, um_per_px)
            candidates = candidates & ~excluded[BLUR]
    else:
        candidates, excluded = model.predict(overview, um_per_px), {}
    mask = without_thin(candidates, config.membrane_um, um_per_px)
    mask = without_holes(mask, circle_px(config.hole_um, um_per_px))
    mask = without_small(mask, circle_px(config.smallest_um, um_per_px))
    for where in excluded.values():
        mask &= ~where  # a hole that was filled may have been ink
    named = np.logical_or.reduce([mask, *excluded.values()])
    excluded[SPECKS] = candidates & ~named
    excluded[GLASS] = ~(candidates | named)
    return Found(mask, excluded)
