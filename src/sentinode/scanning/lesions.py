"""Lesions: connected positive cells of a heatmap, outlined and measured as a pathologist measures."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage
from scipy.spatial import ConvexHull, QhullError
from scipy.spatial.distance import pdist

from sentinode.core.extras import require
from sentinode.metrics.stages import size_class
from sentinode.scanning.heatmap import Heatmap
from sentinode.scanning.scan_record import Lesion, LesionRule

shapely = require("shapely", extra="scan")

_EIGHT = np.ones((3, 3), bool)
_GAP = np.ones((2, 2), bool)
"""Closing with this fills gaps of one cell; with 3 × 3 cells, those of two, which joins what lies near by chance."""


@dataclass(frozen=True, eq=False)
class OutlinedLesion:
    """A lesion and where it lies."""

    lesion: Lesion
    outline: Any
    """shapely Polygon or MultiPolygon in level-0 pixels."""


def find_lesions(heatmap: Heatmap, rule: LesionRule, slide_width: int, slide_height: int) -> list[OutlinedLesion]:
    """The lesions of a slide, the one with the highest score first (of equal ones, the longer first).

    Cells where the smoothed heatmap reaches `rule.outline`, and cells that are sure alone, are positive; gaps of one
    cell between them are closed, also where nothing was scanned; cells that touch at a side or a corner belong
    together. Such a focus is a lesion if cells in it agree (`rule.dense` and `rule.peak`) or one is sure alone
    (`rule.alone`): thresholding with hysteresis (Canny 1986), so that single false alarms neither count nor join.

    Scores are those of the positive cells, not smoothed; area and diameter those of the outline, closed gaps included.
    The longest diameter is the largest distance between the centres of two cells (maximum Feret diameter, by the
    convex hull), plus one cell.

    Args:
        heatmap: Scores of the class that is looked for.
        rule: When cells are a lesion.
        slide_width: Level-0 pixels; outlines end at the slide's edge.
        slide_height: Level-0 pixels.
    """
    positive, seeds = _foci(heatmap, rule)
    # Padded, because closing would otherwise eat what lies at the border.
    closed = ndimage.binary_closing(np.pad(positive, 2), _GAP)[2:-2, 2:-2] | positive
    labels, _ = ndimage.label(closed, _EIGHT)
    believed = set(np.unique(labels[seeds]).tolist())
    slide = shapely.box(0, 0, slide_width, slide_height)
    found = []
    for number, window in enumerate(ndimage.find_objects(labels), start=1):
        if number not in believed:
            continue
        rows, columns = np.nonzero(labels[window] == number)
        rows, columns = rows + window[0].start, columns + window[1].start
        found.append(_measured(heatmap, positive, rows, columns, slide))
    found.sort(key=lambda one: (-one.lesion.score_max, -one.lesion.diameter_um, one.lesion.centroid_y))
    return [
        OutlinedLesion(one.lesion.model_copy(update={"rank": rank}), one.outline)
        for rank, one in enumerate(found, start=1)
    ]


def smoothed(heatmap: Heatmap, sigma_um: float) -> NDArray[np.float64]:
    """(h, w) the heatmap under a Gaussian, over scanned cells only; 0 where nothing was scanned."""
    scanned = np.isfinite(heatmap.values)
    values = np.where(scanned, heatmap.values, 0.0).astype(np.float64)
    if not sigma_um:
        return values
    sigma = sigma_um / heatmap.mpp.y, sigma_um / heatmap.mpp.x
    weights = ndimage.gaussian_filter(scanned.astype(np.float64), sigma, mode="constant")
    sums = ndimage.gaussian_filter(values, sigma, mode="constant")
    return np.asarray(np.divide(sums, weights, out=np.zeros_like(sums), where=scanned))


def _foci(heatmap: Heatmap, rule: LesionRule) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """(h, w) cells that may belong to a lesion, and those that make one of the focus that they lie in."""
    own = np.nan_to_num(heatmap.values, nan=-1.0)
    around = smoothed(heatmap, rule.smoothing_um)
    alone = own >= rule.alone
    positive = ((around >= rule.outline) & (own >= 0)) | alone
    return positive, (positive & (around >= rule.dense) & (own >= rule.peak)) | alone


def longest_um(rows: NDArray[np.int64], columns: NDArray[np.int64], cell_um: float) -> float:
    """Largest distance between the centres of two cells, plus one cell, in µm."""
    points = np.stack([columns, rows], axis=1).astype(np.float64)
    if len(points) > 3:
        try:
            points = points[ConvexHull(points).vertices]
        except QhullError:  # all in one line
            order = np.lexsort((points[:, 1], points[:, 0]))
            points = points[order[[0, -1]]]
    across = float(pdist(points).max()) if len(points) > 1 else 0.0
    return (across + 1) * cell_um


def _measured(
    heatmap: Heatmap, positive: NDArray[np.bool_], rows: NDArray[np.int64], columns: NDArray[np.int64], slide: Any
) -> OutlinedLesion:
    own = positive[rows, columns]
    scores = heatmap.values[rows[own], columns[own]].astype(np.float64)
    outline = shapely.intersection(outline_of(rows, columns, heatmap.downsample_x, heatmap.downsample_y), slide)
    centre = outline.centroid
    diameter = longest_um(rows, columns, heatmap.mpp.x)
    um2 = (heatmap.mpp.x / heatmap.downsample_x) * (heatmap.mpp.y / heatmap.downsample_y)  # of a level-0 pixel
    lesion = Lesion(
        rank=1,
        size_class=size_class(diameter),
        score_max=float(scores.max()),
        score_mean=float(scores.mean()),
        area_mm2=outline.area * um2 * 1e-6,
        diameter_um=diameter,
        cells=len(rows),
        centroid_x=centre.x,
        centroid_y=centre.y,
    )
    return OutlinedLesion(lesion, outline)


def outline_of(rows: NDArray[np.int64], columns: NDArray[np.int64], downsample_x: float, downsample_y: float) -> Any:
    """The union of cells of that many level-0 pixels, in level-0 pixels."""
    boxes = [
        (left, row, right, row + 1) for row in np.unique(rows) for left, right in _runs(np.sort(columns[rows == row]))
    ]
    # United in whole cells, where edges meet exactly, and scaled afterwards.
    union = shapely.union_all(shapely.box(*np.array(boxes, np.float64).T))
    union = shapely.simplify(union, 0)
    return shapely.transform(union, lambda points: points * (downsample_x, downsample_y))


def _runs(columns: NDArray[np.int64]) -> list[tuple[int, int]]:
    """Start and end (exclusive) of the runs of sorted numbers."""
    breaks = np.flatnonzero(np.diff(columns) > 1)
    starts, ends = np.r_[0, breaks + 1], np.r_[breaks, len(columns) - 1]
    return [(int(columns[start]), int(columns[end]) + 1) for start, end in zip(starts, ends, strict=True)]
