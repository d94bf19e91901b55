"""Whether a probability means what it says: temperature, calibration error, reliability, Brier score, log loss."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from sentinode.core.errors import EvaluationError
from sentinode.metrics.measures.intervals import clopper_pearson
from sentinode.metrics.predictions import Predictions

BINS = 10
"""Equal-mass bins of the reliability diagram and of the calibration error, so that the one follows from the other."""

# A model that is off by more than this factor has a fault that no temperature mends.
_TEMPERATURES = (0.05, 20.0)


@dataclass(frozen=True)
class ReliabilityPoint:
    """One equal-mass bin of the reliability diagram.

    Two classes: the probability of the positive class against the share that is positive. More: the probability of
    the predicted class against the share that is right.
    """

    n: int
    """Samples in the bin."""

    predicted: float
    """Mean probability in the bin."""

    observed: float
    """Share that came true."""

    low: float
    """Lower end of the Clopper–Pearson 95 % interval of `observed`."""

    high: float
    """Upper end of it."""


def fit_temperature(logits: ArrayLike, labels: ArrayLike) -> float:
    """The T > 0 for which softmax(logits / T) has the least log loss (Guo et al. 2017), within [0.05, 20].

    Where every sample's own class has the highest logit, the loss falls for ever as T falls: such data can't tell how
    sure to be, and the answer is 1.

    Args:
        logits: (N, K).
        labels: Class index of each sample (N).

    Raises:
        EvaluationError: There are no samples, or a logit is not finite.
    """
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if z.ndim != 2 or len(z) == 0 or len(z) != len(y) or not np.isfinite(z).all():
        message = f"a temperature needs finite logits (N, K) with N labels; got {z.shape} and {y.shape}"
        raise EvaluationError(message)
    own = np.take_along_axis(z, y[:, None], axis=1)[:, 0]
    if (own >= z.max(axis=1)).all():
        return 1.0

    def loss(log_temperature: float) -> float:
        scaled = np.exp(-log_temperature)
        return float(np.mean(special.logsumexp(z * scaled, axis=1) - own * scaled))

    # The loss is convex in 1 / T, so it has one minimum over log T too.
    bounds = tuple(np.log(_TEMPERATURES))
    return float(np.exp(optimize.minimize_scalar(loss, bounds=bounds, method="bounded", options={"xatol": 1e-7}).x))


def brier_scores(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """Squared error of each sample (N), whose mean is the Brier score.

    Two classes: (p_positive − y)², in [0, 1]. More: summed over the classes, in [0, 2] (Brier 1950).
    """
    p = np.asarray(probabilities, dtype=np.float64)
    errors = (p - np.eye(p.shape[1])[np.asarray(labels)]) ** 2
    return np.asarray(errors[:, 0] if p.shape[1] == 2 else errors.sum(axis=1))


def log_losses(probabilities: ArrayLike, labels: ArrayLike) -> NDArray[np.float64]:
    """−ln of the true class's probability for each sample (N), whose mean is the log loss.

    Probabilities are clipped at float64's epsilon, as scikit-learn does: one sure error then costs 36, not infinity.
    """
    p = np.asarray(probabilities, dtype=np.float64)
    own = np.take_along_axis(p, np.asarray(labels)[:, None], axis=1)[:, 0]
    return np.asarray(-np.log(np.clip(own, np.finfo(np.float64).eps, 1)))


def equal_mass_bins(probabilities: ArrayLike, bins: int = BINS) -> NDArray[np.int64]:
    """Bin of each sample (N), 0 to `bins` − 1, ascending, with equal probabilities kept together."""
    _, which, counts = np.unique(np.asarray(probabilities), return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - counts / 2
    return np.asarray((middle * bins / counts.sum()).astype(np.int64)[which])


def calibrated_event(predictions: Predictions) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """What is said to come true with which probability (N), and 1 where it did, otherwise 0 (N).

    Two classes: that a sample is positive. More: that the likeliest class is the right one.
    """
    if predictions.binary:
        return predictions.scores, predictions.truths.astype(np.float64)
    decisions = predictions.decisions(None)
    return decisions.confidences, (decisions.classes == predictions.labels).astype(np.float64)


def reliability(probabilities: ArrayLike, outcomes: ArrayLike) -> tuple[ReliabilityPoint, ...]:
    """Points of the reliability diagram, over equal-mass bins (fewer than `BINS` when there are many ties).

    Args:
        probabilities: Of what should come true (N).
        outcomes: 1 where it did, otherwise 0 (N).
    """
    p, y = np.asarray(probabilities, dtype=np.float64), np.asarray(outcomes)
    where = equal_mass_bins(p)
    points = []
    for index in np.unique(where):
        inside = where == index
        n, hits = int(inside.sum()), int(y[inside].sum())
        low, high = clopper_pearson(hits, n)
        points.append(ReliabilityPoint(n, float(p[inside].mean()), hits / n, float(low), float(high)))
    return tuple(points)
