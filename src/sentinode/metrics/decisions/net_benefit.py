"""Decision curve: is acting on the model better than treating everybody or nobody? (Vickers & Elkin 2006)."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike


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
