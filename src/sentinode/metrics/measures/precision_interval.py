"""The interval of the average precision, which holds with few positive samples, too."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sentinode.core.metric import Metric
from sentinode.metrics.measures.intervals import NORMAL_WIDTH, Resampling, percentile_interval, wider


def average_precision_metric(
    value: float, positives: int, drawn: NDArray[np.float64], resampling: Resampling, *, n: int
) -> Metric:
    """The average precision with the hull of two intervals, which held 94 to 99.5 % of simulated truths.

    One is the percentile bootstrap's. With few positives it is far too narrow, and it collapses where all of them rank
    first. The other takes the variance from the figure itself, as that of a rate of the positives, on the logit scale
    (Boyd, Eng & Page 2013, Area under the precision-recall curve). `benchmarks/intervals.py` has the simulation.

    Args:
        value: The average precision, 0 to 1.
        positives: Positive samples.
        drawn: It on each resample (B).
        resampling: How they were drawn.
        n: Samples.
    """
    return wider(percentile_interval(value, drawn, resampling, n=n), _of_rate(value, positives, n))


def _of_rate(value: float, positives: int, n: int) -> Metric:
    inside = float(np.clip(value, 0.5 / positives, 1 - 0.5 / positives))
    width = NORMAL_WIDTH / np.sqrt(positives * inside * (1 - inside))
    low, high = special.expit(special.logit(inside) + np.array([-width, width]))
    return Metric(value, min(float(low), value), max(float(high), value), "that of a rate of the positives, logit", n)
