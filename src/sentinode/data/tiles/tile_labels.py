"""The label of tiles by an annotation: exact areas of polygons, in µm, nothing rasterised."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.data.tiles.tiles_config import TilesConfig
from sentinode.slides.annotations.regions import (
    DISAGREED,
    EXCLUSION,
    REJECTED,
    UNCLASSIFIED,
    Annotations,
    Geometry,
    Region,
    parts,
    shapely,
)
from sentinode.slides.mpp import Mpp

BETWEEN = "between: some tumour, not enough"
NEAR = "too near to tumour"
EXCLUDED = "in a region that is excluded, unclassified or disagreed on"
UNSURE = "not annotated, on a slide that is annotated or reviewed in part"


@dataclass(frozen=True, eq=False)
class Labelled:
    """Labels of N tiles; a tile that is neither tumour nor normal is to be left out."""

    fraction: NDArray[np.float32]
    """(N,) part of the judged region that is tumour."""
    tumour: NDArray[np.bool_]
    """(N,)"""
    normal: NDArray[np.bool_]
    """(N,)"""
    left_out: NDArray[np.object_]
    """(N,) why a tile is neither; empty for those that are."""

    def counts(self) -> dict[str, int]:
        """How many tiles are neither, by reason."""
        return dict(Counter(reason for reason in self.left_out.tolist() if reason))


def label_tiles(
    x0: NDArray[np.int64],
    y0: NDArray[np.int64],
    slide_mpp: Mpp,
    annotations: Annotations | None,
    config: TilesConfig,
    *,
    complete: bool = True,
) -> Labelled:
    """Label tiles by the rule of `config`.

    Args:
        x0: (N,) left edges in level-0 pixels.
        y0: (N,) upper edges in level-0 pixels.
        slide_mpp: µm/px of level 0.
        annotations: Of the slide; None for a slide without tumour.
        config: Tile size, rule, margin.
        complete: Whether all tumour of the slide is annotated. If not, only a tile that lies in what a reviewer
            rejected, but for a rim of a pixel, is called normal.

    Raises:
        AnnotationError: There are regions, and none is called tumour, or tumour has no area: where it is is not known.
    """
    count = len(x0)
    if annotations is None or not annotations.regions:
        nothing = np.zeros(count, bool)
        reason = np.full(count, "" if complete else UNSURE, object)
        return Labelled(np.zeros(count, np.float32), nothing, np.full(count, complete), reason)
    annotations.check_tumour()
    judged, whole = (_boxes(x0, y0, slide_mpp, config, side) for side in (config.judged_px, config.size_px))
    tumour_um = _in_um(annotations.tumour, slide_mpp)
    pixel = config.mpp**2
    area = _covered(tumour_um, judged)
    fraction = np.minimum(area / (config.judged_px * config.mpp) ** 2, 1)
    tumour = area >= pixel * (1 - 1e-6) if config.rule == "centre" else fraction >= config.tumour_min - 1e-9
    unknown = [region for kind in (EXCLUSION, UNCLASSIFIED, DISAGREED) for region in annotations.of(kind)]
    others = _union_um(unknown, slide_mpp)
    excluded = _covered(others, whole) >= pixel
    near = _near(tumour_um, judged, config.distance_um)
    known = complete | _within(_union_um(annotations.of(REJECTED), slide_mpp), judged, config.mpp)
    reasons = np.select(
        [tumour, area >= pixel, excluded, near, ~known], ["", BETWEEN, EXCLUDED, NEAR, UNSURE], ""
    ).astype(object)
    return Labelled(fraction.astype(np.float32), tumour, ~tumour & (reasons == ""), reasons)


def _boxes(
    x0: NDArray[np.int64], y0: NDArray[np.int64], slide_mpp: Mpp, config: TilesConfig, side_px: int
) -> NDArray[np.float64]:
    """(N, 4) left, top, right, bottom in µm of the central `side_px` of each tile."""
    inset = (config.size_px - side_px) / 2 * config.mpp
    left, top = x0 * slide_mpp.x + inset, y0 * slide_mpp.y + inset
    side = side_px * config.mpp
    return np.stack([left, top, left + side, top + side], axis=1)


def _in_um(geometry: Geometry, slide_mpp: Mpp) -> Geometry:
    return shapely.transform(geometry, lambda places: places * (slide_mpp.x, slide_mpp.y))


def _union_um(regions: Iterable[Region], slide_mpp: Mpp) -> Geometry:
    return _in_um(shapely.union_all([region.polygon for region in regions]), slide_mpp)


def _within(geometry: Geometry, boxes: NDArray[np.float64], rim_um: float) -> NDArray[np.bool_]:
    """(N,) whether each box lies in `geometry`, but for a rim: places are rounded to pixels, outlines are not."""
    inner = boxes + np.array([rim_um, rim_um, -rim_um, -rim_um])
    area = (inner[:, 2] - inner[:, 0]) * (inner[:, 3] - inner[:, 1])
    return np.asarray(_covered(geometry, inner) >= area * (1 - 1e-6))


def _covered(geometry: Geometry, boxes: NDArray[np.float64]) -> NDArray[np.float64]:
    """(N,) µm² of each box that `geometry`, whose parts don't overlap, covers."""
    area = np.zeros(len(boxes))
    pieces, squares = np.array(parts(geometry), object), shapely.box(*boxes.T)
    if not len(pieces) or not len(boxes):
        return area
    # Piece by piece: a box at the edge of one metastasis is not cut with the outlines of two hundred others.
    square, piece = shapely.STRtree(pieces).query(squares, predicate="intersects")
    np.add.at(area, square, _common(pieces, piece, squares, square))
    return area


def _common(pieces: Any, piece: Any, squares: Any, square: Any) -> NDArray[np.float64]:
    shapely.prepare(pieces)
    inside = shapely.contains_properly(pieces[piece], squares[square])
    area = shapely.area(squares[square])
    area[~inside] = shapely.area(shapely.intersection(pieces[piece[~inside]], squares[square[~inside]]))
    return np.asarray(area, float)


def _near(geometry: Geometry, boxes: NDArray[np.float64], distance_um: float) -> NDArray[np.bool_]:
    """(N,) whether `geometry` is nearer than the distance."""
    found = np.zeros(len(boxes), bool)
    if distance_um > 0 and not geometry.is_empty and len(boxes):
        pieces = np.array(parts(geometry), object)
        square, _ = shapely.STRtree(pieces).query(shapely.box(*boxes.T), predicate="dwithin", distance=distance_um)
        found[square] = True
    return found
