"""Two classes at a threshold: every rate from one confusion matrix."""

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sentinode.core.decision import is_positive
from sentinode.core.metric import Metric
from sentinode.metrics.measures.intervals import Resampling, clopper_pearson, percentile_interval, rate, wider

Matrix = tuple[tuple[int, int], tuple[int, int]]
"""((tn, fp), (fn, tp)): rows true, columns predicted, the negative class first."""

# Cells in the order tn, fp, fn, tp: those above the line, those below it, and why the denominator can be empty.
_RATES: Mapping[str, tuple[tuple[int, ...], tuple[int, ...], str]] = MappingProxyType(
    {
        "sensitivity": ((3,), (2, 3), "no positive sample"),
        "specificity": ((0,), (0, 1), "no negative sample"),
        "precision": ((3,), (1, 3), "no positive prediction"),
        "npv": ((0,), (0, 2), "no negative prediction"),
        "accuracy": ((0, 3), (0, 1, 2, 3), "no sample"),
        "false_negative_rate": ((2,), (2, 3), "no positive sample"),
        "false_positive_rate": ((1,), (0, 1), "no negative sample"),
    }
)
_SUMMARIES: Mapping[str, str] = MappingProxyType(
    {
        "f1": "no positive sample and no positive prediction",
        "balanced_accuracy": "a class has no sample",
        "mcc": "a class has no sample or is never predicted",
    }
)
_ORDER = (
    *("sensitivity", "specificity", "precision", "npv", "f1", "balanced_accuracy", "mcc", "accuracy"),
    *("false_negative_rate", "false_positive_rate"),
)


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
    tn, fp, fn, tp = np.moveaxis(counted, -1, 0)
    found = {
        name: _divide(counted[..., list(above)].sum(axis=-1), counted[..., list(below)].sum(axis=-1))
        for name, (above, below, _) in _RATES.items()
    }
    found["f1"] = _divide(2 * tp, 2 * tp + fp + fn)
    found["balanced_accuracy"] = (found["sensitivity"] + found["specificity"]) / 2
    scale = np.sqrt((tp + fp) * (tp + fn)) * np.sqrt((tn + fp) * (tn + fn))
    found["mcc"] = _divide(tp * tn - fp * fn, scale)
    return {name: found[name] for name in _ORDER}


def threshold_metrics(
    matrix: Matrix, drawn: Mapping[str, NDArray[np.float64]], resampling: Resampling
) -> dict[str, Metric]:
    """Every figure of one confusion matrix with its interval.

    Rates get Clopper–Pearson's; where groups were resampled, the bootstrap's, no narrower than that. Summaries get the
    bootstrap's; where no resample differs (no error at all), the corners of exact intervals for sensitivity and
    specificity, each at 97.5 %, which together hold with at least 95 % (Bonferroni).

    Args:
        matrix: ((tn, fp), (fn, tp)).
        drawn: `derived` from the resamples, each (B).
        resampling: How they were drawn.
    """
    counts = np.array(matrix).ravel()
    values = derived(counts)
    n = int(counts.sum())
    metrics = {}
    for name in _ORDER:
        value = float(values[name])
        if name in _RATES:
            above, below, empty = _RATES[name]
            metric = rate(int(counts[list(above)].sum()), int(counts[list(below)].sum()), empty)
            if resampling.by_group and metric.value is not None and metric.n is not None:
                grouped = percentile_interval(value, drawn[name], resampling, n=metric.n)
                metric = wider(grouped, metric)
        elif np.isnan(value):
            metric = Metric.undefined(_SUMMARIES[name], n)
        else:
            metric = percentile_interval(value, drawn[name], resampling, n=n)
            if metric.low is None:
                metric = _from_corners(name, value, counts)
        metrics[name] = metric
    return metrics


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


def _divide(above: NDArray[np.float64], below: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(np.divide(above, below, out=np.full(np.shape(below), np.nan), where=below > 0))
