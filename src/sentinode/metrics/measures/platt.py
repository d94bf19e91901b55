"""Platt scaling: from a model's logits to probabilities, by a line whose slope and height are fitted."""

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import optimize, special

from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural

# Beyond this a logit decides alone (above), or says nothing (below).
_LOG_SCALES = (-5.0, 5.0)


class PlattScaling(NamedTuple):
    """sigmoid(scale × logit + shift) is the probability that a sample's class is above c."""

    scale: float
    """Above 0."""

    shift: tuple[float, ...]
    """One for each logit."""

    def above(self, logits: ArrayLike) -> NDArray[np.float64]:
        """(N, C) logits → probabilities (N, C) that the class is above 0, above 1 and so on."""
        return np.asarray(special.expit(self.scale * np.asarray(logits, dtype=np.float64) + np.array(self.shift)))

    def probabilities(self, logits: ArrayLike) -> NDArray[np.float64]:
        """(N, C) logits → probabilities (N, C + 1) of the classes."""
        above = self.above(logits)
        edges = np.concatenate([np.ones((len(above), 1)), above, np.zeros((len(above), 1))], axis=1)
        return np.asarray(edges[:, :-1] - edges[:, 1:])


def fit_platt(logits: ArrayLike, labels: ArrayLike) -> PlattScaling:
    """The scaling of least log loss on samples that the model has not learned from.

    Labels are softened to (n + 1) / (n + 2) and 1 / (n + 2) of the n on their side, so that classes that logits part
    cleanly get no certainty that n samples don't give. Source: Platt 1999. With more than two ordered classes the
    thresholds between them are fitted with one slope, ordered by construction, to the sum of the losses.

    Args:
        logits: (N, C): that the class is above 0, above 1 and so on; they differ by the same in every sample.
        labels: Class of each sample (N), 0 to C.

    Raises:
        EvaluationError: Lengths don't match, a logit is not finite, or no sample is on one side of a threshold.
    """
    z, y = np.asarray(logits, dtype=np.float64), np.asarray(labels)
    if z.ndim != 2 or len(z) != len(y) or not len(z) or not np.isfinite(z).all():
        raise EvaluationError(f"a calibration needs finite logits (N, C) with N labels; got {z.shape} and {y.shape}")
    above = y[:, None] > np.arange(z.shape[1])  # (N, C)
    for level, count in enumerate(above.sum(axis=0).tolist()):
        if not 0 < count < len(y):
            raise EvaluationError(
                f"{count} of {plural(len(y), 'sample')} above class {level}; a calibration needs some on either side"
            )
    ups, downs = above.sum(axis=0), (~above).sum(axis=0)
    targets = np.where(above, (ups + 1) / (ups + 2), 1 / (downs + 2))
    scores = z[:, 0]

    def shifts(parameters: NDArray[np.float64]) -> NDArray[np.float64]:
        """First shift, then by how much each is below the one before."""
        below = np.concatenate([[0.0], np.cumsum(np.exp(parameters[2:]))])
        return np.asarray(parameters[1] - below)

    def loss(parameters: NDArray[np.float64]) -> float:
        values = np.exp(parameters[0]) * scores[:, None] + shifts(parameters)
        return float(np.mean(np.sum(np.logaddexp(0, values) - targets * values, axis=1)))

    start = np.zeros(1 + z.shape[1])
    bounds = [_LOG_SCALES, *[(None, None)] * z.shape[1]]
    found = optimize.minimize(loss, start, method="L-BFGS-B", bounds=bounds).x
    scale = float(np.exp(found[0]))
    # The first logit's own place is the score; the others stand by their distance below it.
    apart = scale * (scores[0] - z[0])
    return PlattScaling(scale, tuple((shifts(found) + apart).tolist()))
