"""ROC and precision–recall curves, thinned for drawing; the area under the ROC curve from every sample, its variance,
and the paired test (DeLong et al. 1988). Its interval is made in `auc_interval`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from sentinode.metrics.measures.intervals import NORMAL_WIDTH
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


def auc(truths: ArrayLike, scores: ArrayLike) -> float:
    """Area under the ROC curve of `scores` (N) for `truths` (N, 0 or 1); NaN when a class is missing."""
    return Ranking(truths, scores).auc()


@dataclass(frozen=True, eq=False)
class DeLong:
    """AUCs of S score vectors on the same samples, with their covariance."""

    aucs: NDArray[np.float64]
    """AUC of each score vector (S)."""

    covariance: NDArray[np.float64]
    """Covariance of the AUCs (S, S); NaN with fewer than two samples of a class."""

    positives: int
    """Positive samples."""

    negatives: int
    """Negative samples."""

    freedom: NDArray[np.float64]
    """Satterthwaite's degrees of freedom of each variance (S): few when a handful of samples of one class make it."""


def delong(truths: ArrayLike, scores: ArrayLike) -> DeLong:
    """AUCs and their covariance from placement values, in O(S N log N) by mid-ranks (Sun & Xu 2014).

    Args:
        truths: 1 for positive and 0 for negative samples (N).
        scores: One score vector (N) or several on the same samples (S, N).
    """
    positive = np.asarray(truths).astype(bool)
    rows = np.atleast_2d(np.asarray(scores, dtype=np.float64))
    m, n = int(positive.sum()), int((~positive).sum())
    if m == 0 or n == 0:
        nothing = np.full(len(rows), np.nan)
        return DeLong(nothing, np.full((len(rows), len(rows)), np.nan), m, n, nothing)
    of_positives, of_negatives = np.empty((len(rows), m)), np.empty((len(rows), n))
    for index, row in enumerate(rows):
        ranks = stats.rankdata(row)
        # A rank among all, less the rank among one's own class, counts the other class below (a tie as half).
        of_positives[index] = (ranks[positive] - stats.rankdata(row[positive])) / n
        of_negatives[index] = 1 - (ranks[~positive] - stats.rankdata(row[~positive])) / m
    aucs = of_positives.mean(axis=1)
    if m < 2 or n < 2:
        return DeLong(aucs, np.full((len(rows), len(rows)), np.nan), m, n, np.full(len(rows), np.nan))
    by_positives, by_negatives = np.atleast_2d(np.cov(of_positives)) / m, np.atleast_2d(np.cov(of_negatives)) / n
    one, other = np.diag(by_positives), np.diag(by_negatives)
    shared = one**2 / (m - 1) + other**2 / (n - 1)
    freedom = np.divide((one + other) ** 2, shared, out=np.full(len(rows), float(min(m, n) - 1)), where=shared > 0)
    return DeLong(aucs, by_positives + by_negatives, m, n, freedom)


@dataclass(frozen=True)
class PairedDeLong:
    """The AUC of one score vector less that of another on the same samples."""

    difference: float
    """AUC of b minus AUC of a; NaN when a class is missing."""

    low: float
    """Lower end of its 95 % interval (normal)."""

    high: float
    """Upper end."""

    p_value: float
    """Two-sided p of no difference; 1 for equal rankings, NaN when the variance is unknown."""


def paired_delong(truths: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike) -> PairedDeLong:
    """DeLong's test of two correlated AUCs: do `scores_b` (N) rank the samples better than `scores_a` (N)?"""
    result = delong(truths, np.stack([np.asarray(scores_a, np.float64), np.asarray(scores_b, np.float64)]))
    difference = float(result.aucs[1] - result.aucs[0])
    contrast = np.array([-1.0, 1.0])
    # Rounding can leave a variance of equal rankings at -1e-19 or 1e-19.
    variance = float(contrast @ result.covariance @ contrast)
    if variance < 1e-15:
        p_value = 1.0 if abs(difference) < 1e-12 else float("nan")
        width = 0.0 if p_value == 1.0 else float("nan")
        return PairedDeLong(difference, difference - width, difference + width, p_value)
    width = NORMAL_WIDTH * float(np.sqrt(variance))
    p_value = float(2 * stats.norm.sf(abs(difference) / np.sqrt(variance)))
    return PairedDeLong(difference, difference - width, difference + width, p_value)


def roc_curve(truths: ArrayLike, scores: ArrayLike) -> RocCurve | None:
    """The ROC curve, thinned for drawing; None when a class is missing."""
    ranking = Ranking(truths, scores)
    positive, negative = (np.concatenate([[0.0], np.cumsum(counts[::-1])]) for counts in ranking.counts())
    if positive[-1] == 0 or negative[-1] == 0:
        return None
    x, y = negative / negative[-1], positive / positive[-1]
    kept = thinned(x, y)
    thresholds = ranking.values[::-1]
    return RocCurve(
        tuple(x[kept].tolist()),
        tuple(y[kept].tolist()),
        tuple(None if index == 0 else float(thresholds[index - 1]) for index in kept),
    )


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
