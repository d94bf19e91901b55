"""From what a suspect is to the probability that it is a metastasis: a small logistic regression.

It is fitted by `metrics.lesion_fit`.
"""

import numpy as np
from numpy.typing import NDArray

from sentinode.metrics.standardised_regression import StandardisedRegression

FEATURES = ("first_around", "log_size")
"""Of a suspect: the smoothed heatmap of the first look at its surest spot, in log-odds; and the size that the second
look gives it, in tiles, logarithmic. Why no more: docs/scanning.md."""


class LesionProbability(StandardisedRegression):
    """From a suspect's features to the probability that it is a metastasis, and what follows from it for a slide."""

    known_features = FEATURES
    farthest = 3.0
    """Beyond it nobody knows that the odds go on rising."""

    threshold: float
    """A suspect of at least this probability is called a lesion."""
    slide_slope: float = 1.0
    """Of the slide's log-odds by its suspects, below."""
    slide_intercept: float = 0.0

    def slide_probability(self, probabilities: NDArray[np.float64]) -> float:
        """Probability that a slide has a metastasis, from those of its suspects."""
        odds = any_odds(probabilities)
        return float(1 / (1 + np.exp(-(self.slide_slope * odds + self.slide_intercept))))


def any_odds(probabilities: NDArray[np.float64]) -> float:
    """Log-odds of 1 − Π(1 − p): that one of several is true, if they were independent; at least those of 0.001."""
    none = float(np.log1p(-np.clip(probabilities, 0, 1 - 1e-9)).sum())
    some = max(1e-3, -float(np.expm1(none)))
    return float(np.log(some) - np.log(max(1 - some, 1e-9)))
