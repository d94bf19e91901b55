"""A fitted logistic regression on standardised features, as plain numbers: it runs without scikit-learn."""

import math
from typing import ClassVar, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, model_validator
from scipy import special


class StandardisedRegression(BaseModel):
    """What every such model is. A subclass says which features it has, and what else follows from them."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    known_features: ClassVar[tuple[str, ...]]
    """Names of the features of this version, in their order."""
    farthest: ClassVar[float] = math.inf
    """Standard deviations from the mean beyond which a feature counts as just so far away."""

    features: tuple[str, ...]
    means: tuple[float, ...]
    """Of each feature over what the model was fitted on."""
    scales: tuple[float, ...]
    """Standard deviation of each; 1 for a feature that did not vary."""
    coefficients: tuple[float, ...]
    """Of the standardised features."""
    intercept: float

    @model_validator(mode="after")
    def _fits(self) -> Self:
        known = self.known_features
        if self.features != known:
            raise ValueError(f"features {', '.join(self.features)}; this version has {', '.join(known)}")
        if not len(self.means) == len(self.scales) == len(self.coefficients) == len(known):
            raise ValueError(f"a number of means, scales or coefficients other than {len(known)}")
        return self

    def probabilities(self, features: NDArray[np.float64]) -> NDArray[np.float64]:
        """Probability of each sample (N) from its features (N, F)."""
        standard = (features - np.array(self.means)) / np.array(self.scales)
        standard = np.clip(standard, -self.farthest, self.farthest)
        return np.asarray(special.expit(standard @ np.array(self.coefficients) + self.intercept))
