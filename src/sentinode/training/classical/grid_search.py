"""Fitting a classical model with all that is tuned chosen on inner folds, as scikit-learn's GridSearchCV chooses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from sklearn.base import clone
from sklearn.model_selection import ParameterGrid
from sklearn.pipeline import Pipeline

from sentinode.core.errors import EvaluationError, RecipeError
from sentinode.core.messages import plural
from sentinode.training.classical.classifier_config import ClassicalConfig, Scoring
from sentinode.training.classical.logits import auc_of, logits_of
from sentinode.training.classical.pipelines import CLASSIFIER, SCALER, SELECTOR, build_pipeline, parameter_grid

Fold = tuple[NDArray[np.integer], NDArray[np.integer]]
"""Numbers of the samples that are learned from, and of those that are scored then."""

_Samples = tuple[NDArray[np.float64], NDArray[np.int64]]
_SELECT = f"{SELECTOR}__k"


@dataclass(frozen=True, eq=False)
class TunedModel:
    """A fitted pipeline, what was chosen for it, and what it answered to samples that it had not learned from."""

    config: ClassicalConfig

    pipeline: Pipeline
    """Fitted on all samples with the chosen parameters. Give it float64, as `logits` does."""

    parameters: dict[str, Any]
    """What was chosen, by scikit-learn's names, and `select`: the number of features kept, or "all"."""

    score: float | None
    """The mean over the inner folds, by `config.scoring`, with the chosen parameters; None without folds."""

    inner_logits: NDArray[np.float64]
    """(M, K): logits of the chosen parameters for the inner validation parts, from fits that had not seen them."""

    inner_labels: NDArray[np.int64]
    """(M,): their labels."""

    inner_index: NDArray[np.int64]
    """(M,): which of the samples they are; one can be there several times, or never."""

    @property
    def classes(self) -> int:
        """K."""
        return int(self.inner_logits.shape[1])

    def logits(self, X: ArrayLike) -> NDArray[np.float64]:
        """(N, D) → (N, K), before any temperature; of two classes (0, z)."""
        return logits_of(self.pipeline[-1], self.pipeline[:-1].transform(np.asarray(X, dtype=np.float64)))


def fit_tuned(
    config: ClassicalConfig, X: ArrayLike, y: ArrayLike, *, folds: Sequence[Fold], seed: int, jobs: int = 1
) -> TunedModel:
    """Choose parameters on the inner folds, then fit on all of `X` with them.

    The parameters are those with the highest mean over the folds, of equal ones the first. A fold on which the AUC
    can't be told, with one class only, does not count.

    Args:
        config: Model, fixed parameters, grid, selection, scoring.
        X: (N, D) features.
        y: (N,) class numbers 0 to K − 1, every one there.
        folds: Inner folds over the N samples. None: nothing can be tuned, and nothing calibrated.
        seed: Of the models that draw at random.
        jobs: Folds that are fitted at a time, in threads.

    Raises:
        EvaluationError: One class only, a fold's training part without one of the classes, or no fold on which the AUC
            can be told.
        RecipeError: A parameter that the model does not have or a value that it refuses, or several to choose from
            and no folds.
    """
    samples = np.asarray(X, dtype=np.float64), np.asarray(y, dtype=np.int64)
    classes = _count_classes(samples[1], folds)
    pipeline = build_pipeline(config, seed)
    smallest = min((len(train) for train, _ in folds), default=len(samples[1]))
    points = list(ParameterGrid(parameter_grid(config, samples[0].shape[1], smallest)))
    if len(points) > 1 and not folds:
        raise RecipeError(
            f"{plural(len(points), 'point')} of a grid to choose from and no inner folds; set classifier.grid = {{}}"
        )
    # Threads: the solvers let go of the interpreter, and a pool of processes would cost more than a small fold does.
    answers = Parallel(n_jobs=jobs, prefer="threads")(
        delayed(_fold_logits)(pipeline, points, samples, fold) for fold in folds
    )
    labels = [samples[1][valid] for _, valid in folds]
    best, score = _best(answers, labels, config.scoring) if folds else (0, None)
    fitted = _fit(clone(pipeline).set_params(**points[best]), *samples)
    return TunedModel(
        config,
        fitted,
        {"select" if name == _SELECT else name.removeprefix(f"{CLASSIFIER}__"): v for name, v in points[best].items()},
        score,
        np.concatenate([np.empty((0, classes)), *(answer[best] for answer in answers)]),
        np.concatenate([np.empty(0, np.int64), *labels]),
        np.concatenate([np.empty(0, np.int64), *(valid for _, valid in folds)]),
    )


def _fold_logits(
    pipeline: Pipeline, points: Sequence[dict[str, Any]], samples: _Samples, fold: Fold
) -> list[NDArray[np.float64]]:
    """Logits (m, K) of the fold's validation part, for each point of the grid.

    The scaler and the statistics of the features are the same for all points, and computed once.
    """
    (X, y), (train, valid) = samples, fold
    scaler = clone(pipeline[SCALER]).fit(X[train])
    parts = scaler.transform(X[train]), scaler.transform(X[valid])
    selector = clone(pipeline[SELECTOR]).fit(parts[0], y[train]) if SELECTOR in pipeline.named_steps else None
    answers = []
    for point in points:
        learned, scored = parts
        if selector is not None:
            selector.set_params(k=point[_SELECT])
            learned, scored = selector.transform(learned), selector.transform(scored)
        own = {name.removeprefix(f"{CLASSIFIER}__"): value for name, value in point.items() if name != _SELECT}
        classifier = _fit(clone(pipeline[CLASSIFIER]).set_params(**own), learned, y[train])
        answers.append(logits_of(classifier, scored))
    return answers


def _fit(model: Any, X: NDArray[np.float64], y: NDArray[np.int64]) -> Any:
    try:
        return model.fit(X, y)
    except ValueError as error:  # a value that scikit-learn's own check refuses: only it knows them all
        raise RecipeError(f"classifier: {str(error).splitlines()[0]}") from error


def _best(
    answers: Sequence[Sequence[NDArray[np.float64]]], labels: Sequence[NDArray[np.int64]], scoring: Scoring
) -> tuple[int, float]:
    """The best point of the grid, and its mean over the folds."""
    measure = auc_of if scoring == "auc" else _accuracy
    scores = np.array([[measure(one, truth) for one in answer] for answer, truth in zip(answers, labels, strict=True)])
    known = ~np.isnan(scores).any(axis=1)
    if not known.any():
        raise EvaluationError(
            "no inner fold holds two classes in its validation part, so no AUC can be told; use fewer folds, or "
            'classifier.scoring = "accuracy"'
        )
    means = np.average(np.ascontiguousarray(scores[known].T), axis=1)  # the order in which GridSearchCV adds up
    return int(means.argmax()), float(means.max())


def _accuracy(logits: NDArray[np.float64], labels: NDArray[np.int64]) -> float:
    return float((logits.argmax(axis=1) == labels).mean())


def _count_classes(y: NDArray[np.int64], folds: Sequence[Fold]) -> int:
    present = np.unique(y)
    if len(present) < 2 or not np.array_equal(present, np.arange(len(present))):
        raise EvaluationError(f"a classifier needs samples of every class, and of two at least; there are {present}")
    for number, (train, _) in enumerate(folds, start=1):
        if missing := set(present.tolist()) - set(y[train].tolist()):
            raise EvaluationError(
                f"the training part of inner fold {number} of {len(folds)} has no sample of class {min(missing)}; "
                "use fewer folds, or groups that share the classes"
            )
    return len(present)
