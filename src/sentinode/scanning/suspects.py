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
_RING = 2
_FEW = 3
"""Other suspects without which nothing is said of how one stands out from them."""


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
    facts = [_facts(heatmap, around, fine, joint, labels == number, peak) for number, peak in peaks.items()]
    surest = np.array([each[0] for each in facts]) if facts else np.empty(0)
    slide = shapely.box(0, 0, slide_width, slide_height)
    found = []
    for place, (number, peak) in enumerate(peaks.items()):
        others = np.delete(surest, place)
        contrast = surest[place] - float(np.median(others)) if len(others) >= _FEW else 0.0
        features = np.array([*facts[place], contrast])
        assert len(features) == len(FEATURES)
        found.append(_measured(heatmap, fine, joint, labels == number, peak, features, slide))
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
        labels[row : row + 2, column : column + 2] = following
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


def _facts(
    heatmap: Heatmap,
    around: NDArray[np.float64],
    fine: FineMap,
    joint: NDArray[np.float64],
    own: NDArray[np.bool_],
    peak: tuple[int, int],
) -> tuple[float, ...]:
    """All features but the last, which needs the other suspects."""
    half = fine.parts // 2
    window = tuple(slice(max(0, centre + 1 - half), centre + 1 + half) for centre in peak)
    shifted = joint[window][np.isfinite(joint[window])]
    seen = own & np.isfinite(joint)
    blocks = _block_means(joint)
    rows, columns = heatmap.values.shape
    coarse = np.asarray(own.reshape(rows, fine.parts, columns, fine.parts).any(axis=(1, 3)))
    scanned = np.isfinite(heatmap.values)
    outside = scanned & ~ndimage.binary_dilation(coarse, _EIGHT)
    rest = heatmap.values[outside]
    ring = scanned & ndimage.binary_dilation(coarse, _EIGHT, iterations=_RING) & ~coarse
    first = float(logit(np.array(np.nanmax(np.where(coarse, heatmap.values, np.nan)))))
    high = float(logit(np.array(np.quantile(rest, 0.95)))) if len(rest) else 0.0
    over = (float((rest >= OUTLINE).sum()) + 0.5) / (len(rest) + 1)
    box = np.argwhere(own)
    extent = float(np.prod(np.ptp(box, axis=0) + 1))
    return (
        float(np.nan_to_num(blocks[peak], nan=float(np.nanmean(joint[seen])))),
        float(np.nanmean(joint[seen])),
        float(np.nanmax(np.where(seen, fine.wide, -np.inf))) if np.isfinite(fine.wide[seen]).any() else 0.0,
        float((shifted >= 0).mean()),
        float(shifted.std()),
        first,
        float(logit(np.array(around[peak[0] // fine.parts, peak[1] // fine.parts]))),
        first - high,
        float(logit(heatmap.values[ring]).mean()) if ring.any() else float(logit(np.array(0.0))),
        float(np.log(over / (1 - over))),
        float(np.log(own.sum() / fine.parts**2)),
        own.sum() / extent,
    )


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
