"""Fitting a classical model with everything that is tuned chosen on inner folds, as scikit-learn's GridSearchCV does."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.pipeline import Pipeline

from sentinode.training.classical.config import ClassicalConfig

Fold = tuple[NDArray[np.int64], NDArray[np.int64]]
"""Numbers of the samples that are learned from, and of those that are then scored."""


@dataclass(frozen=True, eq=False)
class TunedModel:
    """A fitted pipeline, what was chosen for it, and what it answered to samples it had not learned from."""

    config: ClassicalConfig

    pipeline: Pipeline
    """Fitted on all samples with the chosen parameters. Takes float64."""

    parameters: dict[str, Any]
    """What was chosen, by scikit-learn's names, and `select` for the number of features kept ("all" or a number)."""

    score: float | None
    """The mean over the inner folds, by `config.scoring`, with the chosen parameters; None without folds."""

    inner_logits: NDArray[np.float64]
    """(M, K): logits of the chosen parameters for the inner validation parts, from fits that had not seen them."""

    inner_labels: NDArray[np.int64]
    """(M,): their labels."""

    inner_index: NDArray[np.int64]
    """(M,): which of the samples they are; a sample can be there several times, or never."""

    def logits(self, X: ArrayLike) -> NDArray[np.float64]:
        """(N, D) → (N, K), before any temperature; of two classes (0, z)."""
        raise NotImplementedError


def fit_tuned(
    config: ClassicalConfig, X: ArrayLike, y: ArrayLike, *, folds: Sequence[Fold], seed: int, jobs: int = 1
) -> TunedModel:
    """Choose parameters on the inner folds, then fit on all of `X` with them.

    Args:
        config: Model, fixed parameters, grid, selection, scoring.
        X: (N, D) features.
        y: (N,) class numbers 0 to K − 1, every class there.
        folds: Inner folds over the N samples. None: nothing can be tuned, so the grid must have one point.
        seed: Of the models that draw at random.
        jobs: Folds fitted at a time, in threads.

    Raises:
        EvaluationError: One class only, a fold's training part without one of the classes, or no fold by which AUC can
            be told.
        RecipeError: A parameter that the model does not have, or several to choose from and no folds.
    """
    raise NotImplementedError
