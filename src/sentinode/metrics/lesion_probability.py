"""From what a suspect is to the probability that it is a metastasis: a small logistic regression, as plain numbers.

Scanning runs it with NumPy alone; it is fitted by `metrics.lesion_fit`, where scikit-learn is.
"""

from typing import Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator

FEATURES = ("first_around", "log_size")
"""Of a suspect: the smoothed heatmap of the first look at its surest spot, in log-odds; and the size that the second
look gives it, in tiles, logarithmic. Why no more: docs/scanning.md."""


class LesionProbability(BaseModel):
    """A fitted logistic regression on standardised features, and what follows from it for a slide."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    features: tuple[str, ...] = FEATURES
    means: tuple[float, ...]
    """Of each feature over the suspects that it was fitted on."""
    scales: tuple[float, ...]
    """Standard deviation of each; 1 for a feature that did not vary."""
    coefficients: tuple[float, ...]
    """Of the standardised features."""
    intercept: float
    threshold: float
    """A suspect of at least this probability is called a lesion."""
    slide_slope: float = 1.0
    """Of the slide's log-odds by its suspects, below."""
    slide_intercept: float = 0.0

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.features != FEATURES:
            raise ValueError(f"features {', '.join(self.features)}; this version has {', '.join(FEATURES)}")
        if not len(self.means) == len(self.scales) == len(self.coefficients) == len(FEATURES):
            raise ValueError(f"a number of means, scales or coefficients other than {len(FEATURES)}")
        return self

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability that each suspect is a metastasis (N) from its features (N, F).

        Values beyond three standard deviations of what was seen count as three: outside of them nobody knows that the
        odds go on rising.
        """
        standard = np.clip((features - np.array(self.means)) / np.array(self.scales), -3, 3)
        return np.asarray(1 / (1 + np.exp(-(standard @ np.array(self.coefficients) + self.intercept))))

    def slide_probability(self, probabilities: NDArray[np.float64]) -> float:
        """Probability that a slide has a metastasis, from those of its suspects."""
        odds = any_odds(probabilities)
        return float(1 / (1 + np.exp(-(self.slide_slope * odds + self.slide_intercept))))


def any_odds(probabilities: NDArray[np.float64]) -> float:
    """Log-odds of 1 − Π(1 − p): that one of several is true, if they were independent; at least those of 0.001."""
    none = float(np.log1p(-np.clip(probabilities, 0, 1 - 1e-9)).sum())
    some = max(1e-3, -float(np.expm1(none)))
    return float(np.log(some) - np.log(max(1 - some, 1e-9)))
