"""Fitting a `StandardisedRegression`. Apart from the model, which runs without scikit-learn."""

from typing import Any, TypeVar

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.linear_model import LogisticRegression

from sentinode.metrics.standardised_regression import StandardisedRegression

R = TypeVar("R", bound=StandardisedRegression)


def fitted_regression(
    kind: type[R], features: NDArray[np.float64], truths: ArrayLike, *, strength: float, **others: Any
) -> R:
    """Fit a model without class weights: its probabilities hold where the classes are as frequent as here.

    Args:
        kind: The model's class.
        features: (N, F) in the order of `kind.known_features`.
        truths: Whether each is positive (N); both classes occur.
        strength: Inverse of the L2 penalty on standardised features.
        others: The model's other fields.
    """
    means, scales = features.mean(axis=0), features.std(axis=0)
    scales = np.where(scales > 1e-9, scales, 1.0)
    standard = np.clip((features - means) / scales, -kind.farthest, kind.farthest)
    found = LogisticRegression(C=strength, max_iter=2000).fit(standard, truths)
    return kind(
        features=kind.known_features,
        means=tuple(means.tolist()),
        scales=tuple(scales.tolist()),
        coefficients=tuple(found.coef_[0].tolist()),
        intercept=float(found.intercept_[0]),
        **others,
    )
