"""Suspects: what a second look leaves of a slide's candidates, outlined, measured, and described by numbers."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sentinode.core.extras import require
from sentinode.metrics.lesion_probability import FEATURES
from sentinode.scanning.candidates import SMOOTHING_UM, find_candidates, logit
from sentinode.scanning.heatmap import Heatmap
from sentinode.scanning.lesions import longest_um, outline_of, smoothed
from sentinode.scanning.second_look import FineMap

shapely = require("shapely", extra="slides")

OUTLINE = 0.5
"""Probability from which a fine cell belongs to the tissue of a suspect."""

_GAP_CELLS = 1.0
"""Gaps of so many cells of the heatmap are closed, as in the heuristic rule."""
_EIGHT = np.ones((3, 3), bool)


@dataclass(frozen=True, eq=False)
class Suspect:
    """One place that may be a metastasis."""

    features: NDArray[np.float64]
    """(F,) in the order of `FEATURES`."""
    outline: Any
    """shapely Polygon or MultiPolygon in level-0 pixels."""
    diameter_um: float
    area_mm2: float
    score_max: float
    """Highest score of the second look."""
    score_mean: float
    cells: int
    """Of the fine grid."""
    peak_x: float
    """Level-0 pixels: where the second look is surest."""
    peak_y: float


def find_suspects(heatmap: Heatmap, fine: FineMap, slide_width: int, slide_height: int) -> list[Suspect]:
    """The suspects of a slide, in reading order.

    A suspect is a group of touching fine cells in which the second look gives at least `OUTLINE`, gaps of a tile
    closed. Where the budget ended inside a large focus, the first look's cells that are positive and whose
    neighbourhood is, too, go on with it. A candidate in which the second look found nothing is a suspect all the same,
    of the size of its surest spot, so that nothing that was looked at is lost.
    """
    joint = fine.joint
    labels, peaks = _labelled(heatmap, fine, joint)
    around = smoothed(heatmap, SMOOTHING_UM)
    slide = shapely.box(0, 0, slide_width, slide_height)
    found = []
    for number, peak in peaks.items():
        own = labels == number
        beside = around[peak[0] // fine.parts, peak[1] // fine.parts]
        features = np.array([float(logit(beside)), np.log(own.sum() / fine.parts**2)])
        assert len(features) == len(FEATURES)
        found.append(_measured(heatmap, fine, joint, own, peak, features, slide))
    return found


def _labelled(
    heatmap: Heatmap, fine: FineMap, joint: NDArray[np.float64]
) -> tuple[NDArray[np.int32], dict[int, tuple[int, int]]]:
    """Fine cells by suspect (0: none), and each one's surest fine cell among those looked at."""
    blocks = _block_means(joint)
    hot = np.nan_to_num(joint, nan=-np.inf) >= logit(np.array(OUTLINE))
    sure = (smoothed(heatmap, SMOOTHING_UM) >= OUTLINE) & (np.nan_to_num(heatmap.values, nan=0) >= OUTLINE)
    hot |= np.kron(sure & ~fine.looked, np.ones((fine.parts, fine.parts), bool))
    width = max(2, round(_GAP_CELLS * fine.parts)) + 1
    closed = ndimage.binary_closing(np.pad(hot, width), np.ones((width, width), bool))[width:-width, width:-width] | hot
    labels = np.asarray(ndimage.label(closed, _EIGHT)[0], np.int32)
    seen = set(np.unique(labels[np.isfinite(joint) & hot]).tolist()) - {0}
    peaks: dict[int, tuple[int, int]] = {}
    for number in sorted(seen):
        own = np.where((labels == number) & np.isfinite(blocks), blocks, -np.inf)  # never empty: it has been seen
        peaks[number] = _place(own)
    labels[~np.isin(labels, list(seen))] = 0
    following = int(labels.max(initial=0)) + 1
    for one in find_candidates(heatmap):
        rows = slice(one.row * fine.parts, (one.row + 1) * fine.parts)
        columns = slice(one.column * fine.parts, (one.column + 1) * fine.parts)
        if labels[rows, columns].any() or not np.isfinite(joint[rows, columns]).any():
            continue
        row, column = _place(np.nan_to_num(blocks[rows, columns], nan=-np.inf))
        row, column = row + rows.start, column + columns.start
        own = labels[row : row + 2, column : column + 2]
        own[own == 0] = following  # a neighbour's share may lie so near; its own surest cell stays its own
        peaks[following] = row, column
        following += 1
    return labels, peaks


def _block_means(joint: NDArray[np.float64]) -> NDArray[np.float64]:
    """The mean of those of each 2 × 2 fine cells that were looked at, at their upper left one: one tile may be chance.

    NaN where that one was not looked at.
    """
    there = np.pad(np.isfinite(joint), (0, 1)).astype(np.float64)
    values = np.pad(np.nan_to_num(joint), (0, 1))
    sums, counts = (part[:-1, :-1] + part[1:, :-1] + part[:-1, 1:] + part[1:, 1:] for part in (values, there))
    return np.where(np.isfinite(joint), sums / np.maximum(counts, 1), np.nan)


def _place(values: NDArray[np.float64]) -> tuple[int, int]:
    row, column = np.unravel_index(int(np.argmax(values)), values.shape)
    return int(row), int(column)


def _measured(
    heatmap: Heatmap,
    fine: FineMap,
    joint: NDArray[np.float64],
    own: NDArray[np.bool_],
    peak: tuple[int, int],
    features: NDArray[np.float64],
    slide: Any,
) -> Suspect:
    rows, columns = np.nonzero(own)
    scale = heatmap.downsample_x / fine.parts, heatmap.downsample_y / fine.parts
    outline = shapely.intersection(outline_of(rows, columns, *scale), slide)
    scores = 1 / (1 + np.exp(-joint[own & np.isfinite(joint)]))
    um2 = (heatmap.mpp.x / heatmap.downsample_x) * (heatmap.mpp.y / heatmap.downsample_y)
    return Suspect(
        features=features,
        outline=outline,
        diameter_um=longest_um(rows, columns, heatmap.mpp.x / fine.parts),
        area_mm2=outline.area * um2 * 1e-6,
        score_max=float(scores.max()),
        score_mean=float(scores.mean()),
        cells=len(rows),
        peak_x=(peak[1] + 1) * scale[0],
        peak_y=(peak[0] + 1) * scale[1],
    )
