"""ROC and precision–recall curves, thinned for drawing. The areas are computed elsewhere, from every sample."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sentinode.metrics.measures.ranking import Ranking

# Finer than a pixel of any figure, and small enough for metrics.json.
_POINTS = 400


@dataclass(frozen=True)
class RocCurve:
    """Corners of the ROC curve, from (0, 0) to (1, 1). Draw with straight lines (a tie is a slope)."""

    false_positive_rate: tuple[float, ...]
    """Ascending, from 0 to 1."""

    sensitivity: tuple[float, ...]
    """Ascending, from 0 to 1."""

    thresholds: tuple[float | None, ...]
    """Score at which the point is reached (positive when score >= it), descending; None for the start at (0, 0)."""


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Points of the precision–recall curve. Draw as steps that hold a point's precision up to it from the left."""

    recall: tuple[float, ...]
    """Ascending, from the highest score's recall to 1."""

    precision: tuple[float, ...]
    """Precision at each point."""

    thresholds: tuple[float, ...]
    """Score at which the point is reached, descending."""

    prevalence: float
    """Share of positive samples: the precision of a coin, for the base line."""


def precision_recall_curve(truths: ArrayLike, scores: ArrayLike) -> PrecisionRecallCurve | None:
    """The precision–recall curve, thinned for drawing; None without positive samples."""
    ranking = Ranking(truths, scores)
    positive, negative = (np.cumsum(counts[::-1]) for counts in ranking.counts())
    if positive[-1] == 0:
        return None
    recall, precision = positive / positive[-1], positive / (positive + negative)
    kept = thinned(recall, precision)
    return PrecisionRecallCurve(
        tuple(recall[kept].tolist()),
        tuple(precision[kept].tolist()),
        tuple(ranking.values[::-1][kept].tolist()),
        float(positive[-1] / (positive[-1] + negative[-1])),
    )


def thinned(x: NDArray[np.float64], y: NDArray[np.float64], points: int = _POINTS) -> NDArray[np.int64]:
    """Indices of about `points` points, both ends among them, evenly spaced along the curve through (x, y)."""
    if len(x) <= points:
        return np.arange(len(x))
    along = np.concatenate([[0.0], np.cumsum(np.hypot(np.diff(x), np.diff(y)))])
    wanted = np.searchsorted(along, np.linspace(0, along[-1], points))
    return np.unique(np.concatenate([[0], wanted, [len(x) - 1]]))
