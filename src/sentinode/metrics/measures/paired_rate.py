"""The difference of two rates on the same samples."""

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from sentinode.core.metric import Metric
from sentinode.metrics.measures.intervals import NORMAL_WIDTH


def paired_difference(a: NDArray[np.bool_], b: NDArray[np.bool_], empty: str) -> Metric:
    """Share of `b` (N) less that of `a` (N), with Tango's score interval (1998), which does not collapse where the two
    never differ: it is then ±3.84 / (N + 3.84).

    Args:
        a: Where the first is right.
        b: Where the second is right.
        empty: Why it is undefined without samples.
    """
    n = len(a)
    if n == 0:
        return Metric.undefined(empty, 0)
    gained, lost = int((b & ~a).sum()), int((a & ~b).sum())
    value = (gained - lost) / n

    def excess(difference: float) -> float:
        return abs(_standardised(gained, lost, n, difference)) - NORMAL_WIDTH

    edge = 1 - 1e-12  # at ±1 the variance is 0
    low = float(optimize.brentq(excess, value, -edge)) if value > -edge and excess(-edge) > 0 else -1.0
    high = float(optimize.brentq(excess, value, edge)) if value < edge and excess(edge) > 0 else 1.0
    return Metric(value, low, high, "score interval of Tango, paired", n)


def _standardised(gained: int, lost: int, n: int, difference: float) -> float:
    """The observed difference less `difference`, in standard errors under it, by Tango's restricted estimate."""
    b = -(gained + lost) + (2 * n - gained + lost) * difference
    c = -lost * difference * (1 - difference)
    share = (np.sqrt(max(0.0, b**2 - 8 * n * c)) - b) / (4 * n)
    variance = n * (2 * share + difference * (1 - difference))
    distance = gained - lost - n * difference
    return (
        float(distance / np.sqrt(variance)) if variance > 0 else float(np.sign(distance) * np.inf if distance else 0.0)
    )
