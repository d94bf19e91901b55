"""Out-of-fold answers: every sample scored by a model that had not seen it, and what each fold and repeat gives."""

from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

from sentinode.core.decision import decide
from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural
from sentinode.metrics.measures.multiclass import macro_auc
from sentinode.metrics.predictions import Predictions

FOLD_METRICS = ("auc", "accuracy", "sensitivity", "specificity")
"""What is measured on each fold; the last two for two classes only."""


@dataclass(frozen=True, eq=False)
class FoldAnswers:
    """N labelled samples with K probabilities in each of R repeats; every repeat deals them into F folds.

    Raises:
        EvaluationError: Shapes differ, or two classes come without thresholds.
    """

    ids: list[str]
    """Sample ids (N)."""

    paths: list[str]
    """Where each image lies (N)."""

    labels: NDArray[np.int64]
    """True class index (N)."""

    probabilities: NDArray[np.float64]
    """(R, N, K), calibrated inside the outer training part."""

    folds: NDArray[np.int64]
    """The fold in which each sample was tested (R, N), from 0 to F − 1."""

    thresholds: NDArray[np.float64] | None
    """The operating threshold of each fold (R, F), chosen inside its training part; None for more than two classes."""

    class_names: tuple[str, ...]
    """Names of the K classes."""

    positive: int | None = None
    """Index of the positive class; given exactly when K = 2."""

    groups: list[str] | None = None
    """Slide or patient of each sample (N), or None where none is known."""

    def __post_init__(self) -> None:
        r, n, k = self.probabilities.shape
        folds = int(self.folds.max()) + 1
        thresholds = (r, folds) if self.thresholds is None else self.thresholds.shape
        if self.folds.shape != (r, n) or len(self.labels) != n or thresholds != (r, folds):
            message = f"probabilities {(r, n, k)}, folds {self.folds.shape}, thresholds {thresholds}: they do not match"
            raise EvaluationError(message)
        if (k == 2) != (self.thresholds is not None):
            raise EvaluationError(f"{plural(k, 'class')}: two classes need a threshold for every fold, more have none")
        self.repeat(0)  # checks all the rest

    @property
    def repeats(self) -> int:
        """R."""
        return len(self.probabilities)

    @property
    def fold_count(self) -> int:
        """F."""
        return int(self.folds.max()) + 1

    @property
    def binary(self) -> bool:
        """Whether there are two classes."""
        return self.positive is not None

    def repeat(self, number: int) -> Predictions:
        """The answers of one repeat."""
        return self._as_predictions(self.probabilities[number])

    def mean(self) -> Predictions:
        """The mean of the repeats' probabilities."""
        return self._as_predictions(self.probabilities.mean(axis=0))

    def decided(self) -> NDArray[np.int64]:
        """The class that each sample was called in each repeat (R, N), at the threshold of the fold it was in."""
        if self.thresholds is None or self.positive is None:
            return decide(self.probabilities).classes
        at = np.take_along_axis(self.thresholds, self.folds, axis=1)  # (R, N)
        return decide(self.probabilities, self.positive, at).classes

    def _as_predictions(self, probabilities: NDArray[np.float64]) -> Predictions:
        return Predictions(
            self.ids, self.paths, self.labels, probabilities, self.class_names, self.positive, self.groups
        )


@dataclass(frozen=True)
class FoldFigures:
    """What one fold gives. A figure is None where a class has no sample in it."""

    repeat: int
    """From 1."""

    fold: int
    """From 1, within the repeat."""

    n: int
    """Samples."""

    positives: int | None
    """Positive samples; None for more than two classes."""

    threshold: float | None
    """Chosen inside the training part."""

    auc: float | None
    """Macro AUC for more than two classes."""

    accuracy: float | None
    sensitivity: float | None
    specificity: float | None

    @classmethod
    def columns(cls) -> list[str]:
        """Names of the fields, in their order."""
        return [field.name for field in fields(cls)]


def fold_figures(answers: FoldAnswers) -> tuple[FoldFigures, ...]:
    """Every fold of every repeat, in their order."""
    right = answers.decided() == answers.labels
    found = []
    for repeat in range(answers.repeats):
        for fold in range(answers.fold_count):
            inside = answers.folds[repeat] == fold
            found.append(_figures(answers, right[repeat], repeat, fold, inside))
    return tuple(found)


def within_folds(answers: FoldAnswers) -> bool:
    """Whether every fold has every class, so that each has an AUC of its own."""
    return all(figures.auc is not None for figures in fold_figures(answers))


def repeat_aucs(answers: FoldAnswers) -> NDArray[np.float64]:
    """One AUC for each repeat (R): the mean over its folds, or the pooled one where a fold lacks a class.

    Scores of different folds come from different models and need not be on one scale; worse, a fold with more
    positives leaves fewer to its training part, which lowers its scores. Pooling ranks samples across folds and is
    biased downwards by that (Parker, Günter & Bedo 2007; Airola et al. 2011); within a fold there is no such bias.
    """
    figures = fold_figures(answers)
    if any(one.auc is None for one in figures):
        return pooled_aucs(answers)
    values = np.array([one.auc for one in figures], dtype=np.float64)
    return np.asarray(values.reshape(answers.repeats, answers.fold_count).mean(axis=1))


def pooled_aucs(answers: FoldAnswers) -> NDArray[np.float64]:
    """The AUC of all out-of-fold scores of each repeat (R), ranked across folds."""
    return np.array([macro_auc(_sided(answers), _sided_columns(answers, p)) for p in answers.probabilities])


def _figures(
    answers: FoldAnswers, right: NDArray[np.bool_], repeat: int, fold: int, inside: NDArray[np.bool_]
) -> FoldFigures:
    labels = answers.labels[inside]
    area = macro_auc(_sided(answers)[inside], _sided_columns(answers, answers.probabilities[repeat])[inside])
    positive = inside & (answers.labels == answers.positive) if answers.binary else None
    return FoldFigures(
        repeat=repeat + 1,
        fold=fold + 1,
        n=len(labels),
        positives=None if positive is None else int(positive.sum()),
        threshold=None if answers.thresholds is None else float(answers.thresholds[repeat, fold]),
        auc=None if np.isnan(area) else area,
        accuracy=_share(right, inside),
        sensitivity=None if positive is None else _share(right, positive),
        specificity=None if positive is None else _share(right, inside & ~positive),
    )


def _sided(answers: FoldAnswers) -> NDArray[np.int64]:
    """Labels, of two classes with the positive one as 1, as `macro_auc` takes them."""
    return np.asarray(answers.labels == answers.positive, dtype=np.int64) if answers.binary else answers.labels


def _sided_columns(answers: FoldAnswers, probabilities: NDArray[np.float64]) -> NDArray[np.float64]:
    return probabilities[:, ::-1] if answers.positive == 0 else probabilities


def _share(right: NDArray[np.bool_], members: NDArray[np.bool_]) -> float | None:
    return float(right[members].mean()) if members.any() else None
