"""What a decision is worth in use: predictive values at other prevalences, and net benefit (Vickers & Elkin 2006)."""

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


@dataclass(frozen=True)
class DecisionCurve:
    """Net benefit in true positives per sample, over the threshold probability at which one would act."""

    threshold: tuple[float, ...]
    """Threshold probabilities p_t, ascending, in (0, 1)."""

    model: tuple[float, ...]
    """TP/n − FP/n · p_t/(1 − p_t), calling positive where the probability >= p_t."""

    treat_all: tuple[float, ...]
    """The same when everybody is called positive. Treating nobody is 0 everywhere."""


def decision_curve(truths: ArrayLike, scores: ArrayLike) -> DecisionCurve | None:
    """The decision curve at 1 % to 99 %; None when a class is missing.

    Args:
        truths: 1 for positive and 0 for negative samples (N).
        scores: Calibrated probability of the positive class (N).
    """
    positive, probabilities = np.asarray(truths).astype(bool), np.asarray(scores, dtype=np.float64)
    if positive.all() or not positive.any():
        return None
    at = np.arange(1, 100) / 100
    odds, n = at / (1 - at), len(positive)
    tp, fp = (
        len(of_class) - np.searchsorted(np.sort(of_class), at, side="left")
        for of_class in (probabilities[positive], probabilities[~positive])
    )
    prevalence = positive.mean()
    model, treat_all = (tp - fp * odds) / n, prevalence - (1 - prevalence) * odds
    return DecisionCurve(tuple(at.tolist()), tuple(model.tolist()), tuple(treat_all.tolist()))
