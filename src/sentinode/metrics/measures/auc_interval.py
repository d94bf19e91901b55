"""Intervals of the area under the ROC curve, and of the difference of two, that hold with few positive samples too."""

from collections.abc import Callable

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special, stats

from sentinode.core.metric import Metric
from sentinode.metrics.measures.intervals import LEVEL, NORMAL_WIDTH
from sentinode.metrics.measures.roc import delong, paired_delong

_PAIRS = "exact, from pairs without a common sample"
_FLOOR = "the score interval of Hanley and McNeil"


def auc_metric(truths: ArrayLike, scores: ArrayLike) -> Metric:
    """The AUC with an interval that covers at least 94 % in simulations from 10 positive samples on.

    It is the hull of two: DeLong's on the logit scale (Pepe 2003, 5.2) with Student's t at Satterthwaite's degrees of
    freedom, and the score interval with the variance of Hanley & McNeil (1982), which holds every AUC that the sample
    does not contradict (as Newcombe 2006 does it for a similar variance). With few positives DeLong's variance is that
    of a handful of placements: when the rare low one is not among them it is far too small, and its interval alone
    covers too seldom. The other takes the variance from the AUC itself. `benchmarks/intervals.py` has the simulation.

    At an AUC of 0 or 1 the bound is exact, from the largest number of pairs without a common sample: k independent
    pairs, all in the right order, have probability AUC^k.

    Args:
        truths: 1 for positive and 0 for negative samples (N).
        scores: Higher is likelier positive (N).
    """
    alone = delong_metric(truths, scores, few=True)
    if alone.value is None or alone.low is None or alone.high is None or alone.value in (0.0, 1.0):
        return alone
    positives = int(np.asarray(truths).astype(bool).sum())
    low, high = score_interval(alone.value, positives, np.size(truths) - positives)
    if alone.low <= low and high <= alone.high:
        return alone
    return Metric(
        alone.value, min(low, alone.low), max(high, alone.high), f"{alone.method}, no narrower than {_FLOOR}", alone.n
    )


def delong_metric(truths: ArrayLike, scores: ArrayLike, *, few: bool = False) -> Metric:
    """The AUC with DeLong's interval on the logit scale, so that it stays within (0, 1); exact at 0 and 1.

    Args:
        truths: 1 for positive and 0 for negative samples (N).
        scores: Higher is likelier positive (N).
        few: Take Student's t for the normal distribution.
    """
    result = delong(truths, scores)
    value, variance = float(result.aucs[0]), float(result.covariance[0, 0])
    n = result.positives + result.negatives
    if np.isnan(value):
        return Metric.undefined("no positive sample" if result.positives == 0 else "no negative sample", n)
    if value in (0.0, 1.0):
        reach = _out_of_pairs(result.positives, result.negatives)
        low, high = (reach, 1.0) if value == 1.0 else (0.0, 1 - reach)
        return Metric(value, low, high, _PAIRS, n)
    if np.isnan(variance):
        return Metric(value, None, None, "no interval: DeLong's needs two samples of each class", n)
    quantile = float(stats.t.ppf((1 + LEVEL) / 2, result.freedom[0])) if few else NORMAL_WIDTH
    width = quantile * np.sqrt(variance) / (value * (1 - value))
    low, high = special.expit(special.logit(value) + np.array([-width, width]))
    return Metric(value, float(low), float(high), f"DeLong, logit scale{', t' if few else ''}", n)


def hanley_mcneil_variance(auc: float, positives: int, negatives: int) -> float:
    """Variance of an AUC at these numbers of samples, for exponential scores (Hanley & McNeil 1982)."""
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    sums = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return sums / (positives * negatives)


def score_interval(value: float, positives: int, negatives: int) -> tuple[float, float]:
    """Every AUC from which `value` is no farther than 1.96 of Hanley and McNeil's standard errors there."""

    def excess(auc: float) -> float:
        return abs(value - auc) - NORMAL_WIDTH * float(np.sqrt(hanley_mcneil_variance(auc, positives, negatives)))

    return _end(excess, value, 0.0), _end(excess, value, 1.0)


def auc_difference(truths: ArrayLike, scores_a: ArrayLike, scores_b: ArrayLike) -> tuple[Metric, float | None]:
    """AUC of b less that of a on the same samples, with an interval; and DeLong's p, or None where it is undefined.

    The interval is the hull of DeLong's paired one and of that recovered from the intervals of the two AUCs and
    DeLong's correlation (MOVER, Zou & Donner 2008; Newcombe 1998 for rates), which does not collapse where nothing
    varies. Where both rank all samples alike, no pair of k without a common sample is ordered otherwise, and the
    difference is at most the share of pairs that are: the bound is exact.
    """
    tested = paired_delong(truths, scores_a, scores_b)
    one, other = auc_metric(truths, scores_a), auc_metric(truths, scores_b)
    p_value = tested.p_value if np.isfinite(tested.p_value) else None
    method = "DeLong, paired"
    a, b = _whole(one), _whole(other)
    if a is None or b is None:
        return Metric(tested.difference, None, None, (other if a else one).method, one.n), p_value
    result = delong(truths, np.stack([np.asarray(scores_a, np.float64), np.asarray(scores_b, np.float64)]))
    if p_value is not None and tested.low == tested.high:
        reach = 1 - _out_of_pairs(result.positives, result.negatives)
        return Metric(tested.difference, tested.difference - reach, tested.difference + reach, _PAIRS, one.n), p_value
    low, high = _recovered(a, b, _correlation(result.covariance))
    if np.isfinite(tested.low):
        low, high = min(low, tested.low), max(high, tested.high)
    method = "DeLong, paired, no narrower than MOVER on the two intervals"
    return Metric(tested.difference, max(low, -1.0), min(high, 1.0), method, one.n), p_value


def _whole(metric: Metric) -> tuple[float, float, float] | None:
    if metric.value is None or metric.low is None or metric.high is None:
        return None
    return metric.value, metric.low, metric.high


def _recovered(a: tuple[float, float, float], b: tuple[float, float, float], correlation: float) -> tuple[float, float]:
    """Ends of b − a out of (value, low, high) of both."""
    difference = b[0] - a[0]
    down, up = (b[0] - b[1], a[2] - a[0]), (b[2] - b[0], a[0] - a[1])
    low, high = (np.sqrt(max(0.0, x**2 - 2 * correlation * x * y + y**2)) for x, y in (down, up))
    return float(difference - low), float(difference + high)


def _correlation(covariance: NDArray[np.float64]) -> float:
    spread = float(np.sqrt(covariance[0, 0] * covariance[1, 1]))
    return float(np.clip(covariance[0, 1] / spread, 0, 1)) if spread > 1e-15 else 0.0


def _out_of_pairs(positives: int, negatives: int) -> float:
    """Least share of pairs in the right order that the most pairs without a common sample, all right, allow."""
    return float(((1 - LEVEL) / 2) ** (1 / min(positives, negatives)))


def _end(excess: Callable[[float], float], inside: float, outside: float) -> float:
    """Where `excess` turns from negative to positive on the way out; `outside` itself if it does not."""
    return float(optimize.brentq(excess, inside, outside)) if excess(outside) > 0 else outside
