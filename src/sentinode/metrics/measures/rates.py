"""Two classes at a threshold: every rate from one confusion matrix."""

from collections.abc import Callable, Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sentinode.core.decision import is_positive
from sentinode.core.metric import Metric
from sentinode.metrics.measures.intervals import Resampling, clopper_pearson, percentile_interval, rate, wider
from sentinode.metrics.metric_table import METRICS, MetricKind, Share, quotient

Matrix = tuple[tuple[int, int], tuple[int, int]]
"""((tn, fp), (fn, tp)): rows true, columns predicted, the negative class first."""

_FROM_CELLS = tuple(kind for kind in METRICS.values() if kind.share or kind.rising or kind.cells)


def confusion_matrix(truths: ArrayLike, scores: ArrayLike, threshold: float) -> Matrix:
    """Count `truths` (N, 0 or 1) against `scores` (N) >= `threshold`."""
    tn, fp, fn, tp = np.bincount(cells(truths, scores, threshold), minlength=4).tolist()
    return ((tn, fp), (fn, tp))


def cells(truths: ArrayLike, scores: ArrayLike, threshold: float) -> NDArray[np.int64]:
    """The cell of each sample (N): 0 true negative, 1 false positive, 2 false negative, 3 true positive."""
    called = is_positive(scores, threshold)
    return np.asarray(2 * np.asarray(truths, dtype=np.int64) + called)


def derived(counts: ArrayLike) -> dict[str, NDArray[np.float64]]:
    """Every rate and summary of confusion matrices given as (..., 4) counts tn, fp, fn, tp; NaN where undefined."""
    counted = np.asarray(counts, dtype=np.float64)
    return {kind.name: _from_cells(kind, counted) for kind in _FROM_CELLS}


def _from_cells(kind: MetricKind, counted: NDArray[np.float64]) -> NDArray[np.float64]:
    """A metric of confusion matrices (…, 4)."""
    if kind.share is not None:
        return quotient(*_above_and_below(kind.share, counted))
    if kind.rising is not None:
        share, function = kind.rising
        return function(quotient(*_above_and_below(share, counted)))
    assert kind.cells is not None
    return kind.cells(*np.moveaxis(counted, -1, 0))


def _above_and_below(share: Share, counted: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    above, below = (counted[..., list(cells)].sum(axis=-1) for cells in (share.above, share.below))
    return above, below


def threshold_metrics(
    matrix: Matrix, drawn: Mapping[str, NDArray[np.float64]], resampling: Resampling
) -> dict[str, Metric]:
    """Every figure of one confusion matrix with its interval.

    Rates, and F1 through the rate that it rises with, get Clopper–Pearson's; where groups were resampled, the
    bootstrap's, no narrower than that. Other summaries get the bootstrap's; where no resample differs (no error at
    all), the corners of exact intervals for sensitivity and specificity, each at 97.5 %, which together hold with at
    least 95 % (Bonferroni).

    Args:
        matrix: ((tn, fp), (fn, tp)).
        drawn: `derived` from the resamples, each (B).
        resampling: How they were drawn.
    """
    counts = np.array(matrix).ravel()
    values = derived(counts)
    n = int(counts.sum())
    metrics = {}
    for kind in _FROM_CELLS:
        value = float(values[kind.name])
        if kind.share is not None or kind.rising is not None:
            metric = _exact(kind, counts)
            if resampling.by_group and metric.value is not None and metric.n is not None:
                metric = wider(percentile_interval(value, drawn[kind.name], resampling, n=metric.n), metric)
        elif np.isnan(value):
            metric = Metric.undefined(kind.undefined, n)
        else:
            metric = percentile_interval(value, drawn[kind.name], resampling, n=n)
            if metric.low is None:
                metric = _from_corners(kind.name, value, counts)
        metrics[kind.name] = metric
    return metrics


def _exact(kind: MetricKind, counts: NDArray[np.int64]) -> Metric:
    if kind.share is not None:
        above, below = _above_and_below(kind.share, counts.astype(np.float64))
        return rate(int(above), int(below), kind.undefined)
    assert kind.rising is not None
    share, function = kind.rising
    above, below = _above_and_below(share, counts.astype(np.float64))
    return through_rate(int(above), int(below), function, kind.undefined, n=int(counts.sum()))


def through_rate(
    above: int, below: int, function: Callable[[NDArray[np.float64]], NDArray[np.float64]], empty: str, *, n: int
) -> Metric:
    """What rises with a rate, with that rate's Clopper–Pearson interval, ends and all turned by `function`.

    Args:
        above: Of the rate.
        below: Of the rate; without any the figure is undefined, for the reason `empty`.
        function: Rising.
        empty: The reason.
        n: Samples that the figure rests on.
    """
    share = rate(above, below, empty)
    if share.value is None or share.low is None or share.high is None:
        return Metric.undefined(empty, n)
    low, value, high = function(np.array([share.low, share.value, share.high])).tolist()
    return Metric(value, low, high, f"Clopper–Pearson of {above:,} of {below:,} positive or called so", n)


def _from_corners(name: str, value: float, counts: NDArray[np.int64]) -> Metric:
    negatives, positives = counts[:2].sum(), counts[2:].sum()
    sensitivity = clopper_pearson(counts[3], positives, level=0.975)
    specificity = clopper_pearson(counts[0], negatives, level=0.975)
    ends = []
    for sens, spec in zip(sensitivity, specificity, strict=True):
        corner = [negatives * spec, negatives * (1 - spec), positives * (1 - sens), positives * sens]
        ends.append(float(np.nan_to_num(derived(corner)[name], nan=value)))
    method = "corners of 97.5 % Clopper–Pearson intervals of sensitivity and specificity"
    return Metric(value, min(*ends, value), max(*ends, value), method, int(counts.sum()))
