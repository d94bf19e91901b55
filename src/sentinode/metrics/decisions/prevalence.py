"""What a positive and a negative answer mean where disease is rarer or commoner than in the test set."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sentinode.core.metric import Metric

_TABLE = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.3, 0.5, 0.7, 0.9)


@dataclass(frozen=True)
class PrevalencePoint:
    """Predictive values at one prevalence, by Bayes' rule from sensitivity and specificity alone."""

    prevalence: float
    """Share of positive samples, in (0, 1)."""

    ppv: float | None
    """Probability that a positive answer is right; None when there is never a positive answer."""

    ppv_low: float | None
    """PPV with both sensitivity and specificity at the lower end of their intervals (conservative)."""

    ppv_high: float | None
    """PPV with both at the upper end."""

    npv: float | None
    """Probability that a negative answer is right; None when there is never a negative answer."""

    npv_low: float | None
    """NPV with both at the lower end."""

    npv_high: float | None
    """NPV with both at the upper end."""


def predictive_values(
    sensitivity: ArrayLike, specificity: ArrayLike, prevalence: ArrayLike
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """PPV and NPV by Bayes' rule, NaN where no such answer is ever given. Arrays broadcast."""
    sens, spec, prev = (np.asarray(value, dtype=np.float64) for value in (sensitivity, specificity, prevalence))
    tp, fp, tn, fn = sens * prev, (1 - spec) * (1 - prev), spec * (1 - prev), (1 - sens) * prev
    with np.errstate(invalid="ignore"):
        return tp / (tp + fp), tn / (tn + fn)


def prevalence_table(sensitivity: Metric, specificity: Metric) -> tuple[PrevalencePoint, ...]:
    """Predictive values from 0.1 % to 90 %; empty when sensitivity or specificity is undefined."""
    ends = [(getattr(sensitivity, end), getattr(specificity, end)) for end in ("value", "low", "high")]
    if any(value is None for pair in ends for value in pair):
        return ()
    points = []
    for prevalence in _TABLE:
        (ppv, npv), (ppv_low, npv_low), (ppv_high, npv_high) = (
            tuple(None if np.isnan(value) else float(value) for value in predictive_values(*pair, prevalence))
            for pair in ends
        )
        points.append(PrevalencePoint(prevalence, ppv, ppv_low, ppv_high, npv, npv_low, npv_high))
    return tuple(points)
