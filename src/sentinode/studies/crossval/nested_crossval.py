"""The nested procedure of a classical model: everything that learns does so inside an outer training part."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray
from scipy.special import softmax

from sentinode.core.progress import Progress
from sentinode.metrics.crossval.fold_answers import FoldAnswers, repeat_aucs
from sentinode.metrics.crossval.permutation import PermutationTest, permutation_test, shuffle_labels
from sentinode.metrics.decisions.thresholds import choose_threshold
from sentinode.metrics.measures.calibration import fit_temperature
from sentinode.studies.crossval.crossval_config import CrossvalConfig
from sentinode.studies.crossval.folds import Fold, Samples, inner_parts, plan_folds
from sentinode.training.classical.classifier_config import ClassicalConfig
from sentinode.training.classical.grid_search import TunedModel, fit_tuned

Floats = NDArray[np.float64]

_PERMUTED = (
    "The labels were shuffled and everything done again: folds dealt anew, and in each of them scaling, selection and "
    "hyperparameters fitted inside the training part. {what} The true labels' figure here is of the same."
)


@dataclass(frozen=True, eq=False)
class Tested:
    """One outer fold: what its model answered to samples that it had not seen, and what was chosen for it inside."""

    fold: Fold
    probabilities: Floats
    """(m, K) of the fold's test samples, calibrated inside the training part."""

    threshold: float | None
    """Chosen inside; None for more than two classes."""

    temperature: float
    """Fitted inside."""

    details: dict[str, Any]
    """What else is worth a column in `folds.csv`."""


@dataclass(frozen=True)
class Procedure:
    """What is done in each fold."""

    classifier: ClassicalConfig
    crossval: CrossvalConfig
    threshold: str
    """The rule of the operating threshold."""

    seed: int


def cross_validate(
    procedure: Procedure,
    samples: Samples,
    values: NDArray[np.floating],
    folds: Sequence[Fold],
    *,
    jobs: int,
    progress: Progress,
) -> list[Tested]:
    """Run the nested procedure over every fold.

    Args:
        procedure: What is done.
        samples: The N samples.
        values: (N, D) their features.
        folds: The plan.
        jobs: Processes.
        progress: Where to show how far it is.

    Raises:
        DataError: A training part is too small for inner folds.
        EvaluationError: The threshold's rule can't be met inside one.
        RecipeError: A parameter that the model does not have.
    """
    tasks = [delayed(_tested)(procedure, samples, values, fold) for fold in folds]
    found = []
    with progress.bar("cross-validation", len(folds), "folds") as advance:
        for one in _parallel(jobs, len(folds))(tasks):
            found.append(one)
            advance()
    return found


def collected(samples: Samples, tested: Sequence[Tested]) -> FoldAnswers:
    """The answers of all folds, repeat by repeat."""
    repeats = max(one.fold.repeat for one in tested) + 1
    count = max(one.fold.number for one in tested) + 1
    n, k = len(samples.labels), len(samples.class_names)
    probabilities, folds = np.full((repeats, n, k), np.nan), np.zeros((repeats, n), dtype=np.int64)
    thresholds = np.zeros((repeats, count))
    for one in tested:
        at = (one.fold.repeat, one.fold.test)
        probabilities[at], folds[at] = one.probabilities, one.fold.number
        thresholds[one.fold.repeat, one.fold.number] = np.nan if one.threshold is None else one.threshold
    positive = None if samples.positive is None or k > 2 else samples.class_names.index(samples.positive)
    return FoldAnswers(
        ids=samples.ids,
        paths=samples.paths,
        labels=samples.labels,
        probabilities=probabilities,
        folds=folds,
        thresholds=None if positive is None else thresholds,
        class_names=samples.class_names,
        positive=positive,
        groups=samples.groups,
    )


def permute(
    procedure: Procedure, samples: Samples, values: NDArray[np.floating], *, jobs: int, progress: Progress
) -> PermutationTest | None:
    """The permutation test with the whole nested procedure; None where the recipe asks for none.

    One repeat of the folds is done for each shuffling, and the true labels are judged by one repeat too: the first, in
    the same way, so that under the null hypothesis both are draws from one distribution and p is valid.
    """
    times = procedure.crossval.permutations
    if not times:
        return None
    once = replace(procedure, crossval=procedure.crossval.model_copy(update={"repeats": 1}))
    rng = np.random.default_rng(procedure.seed)
    shuffled = [replace(samples, labels=shuffle_labels(samples.labels, samples.groups, rng)) for _ in range(times)]
    tasks = [delayed(_repeat_auc)(once, one, values) for one in [samples, *shuffled]]
    aucs = []
    with progress.bar("permutation test", len(tasks), "shufflings") as advance:
        for auc in _parallel(jobs, len(tasks))(tasks):
            aucs.append(auc)
            advance()
    what = "One repeat of the folds for each shuffling." if procedure.crossval.plan == "k-fold" else ""
    return permutation_test(aucs[0], aucs[1:], " ".join(_PERMUTED.format(what=what).split()))


def _parallel(jobs: int, tasks: int) -> Parallel:
    """In processes: small fits spend their time in Python, where threads would wait for each other."""
    return Parallel(n_jobs=min(jobs, tasks), return_as="generator", mmap_mode="r", max_nbytes="1M")


def _tested(procedure: Procedure, samples: Samples, values: NDArray[np.floating], fold: Fold) -> Tested:
    tuned, temperature, inner = _fitted(procedure, samples, values, fold)
    threshold = None
    if len(samples.class_names) == 2:
        positive = _positive(samples)
        scores = softmax(tuned.inner_logits / temperature, axis=1)[:, positive]
        groups = None if samples.groups is None else [samples.groups[fold.train[i]] for i in tuned.inner_index]
        truths = tuned.inner_labels == positive
        threshold = choose_threshold(truths, scores, procedure.threshold, groups, split="inner folds").value
    details = {"inner_folds": inner, "temperature": temperature, "inner_score": tuned.score}
    details |= {name: _plain(value) for name, value in tuned.parameters.items()}
    answers = softmax(tuned.logits(values[fold.test]) / temperature, axis=1)
    return Tested(fold, answers, threshold, temperature, details)


def _fitted(
    procedure: Procedure, samples: Samples, values: NDArray[np.floating], fold: Fold
) -> tuple[TunedModel, float, int]:
    """What the fold's training part gives: the tuned model, its temperature, and the number of inner folds."""
    inner = inner_parts(samples, fold.train, procedure.crossval.inner_folds, procedure.seed)
    labels = samples.labels[fold.train]
    tuned = fit_tuned(procedure.classifier, values[fold.train], labels, folds=inner, seed=procedure.seed)
    return tuned, fit_temperature(tuned.inner_logits, tuned.inner_labels), len(inner)


def _repeat_auc(procedure: Procedure, samples: Samples, values: NDArray[np.floating]) -> float:
    """The AUC of one repeat. It needs no threshold, and a rule that shuffled labels can't meet must not stop it."""
    tested = []
    for fold in plan_folds(samples, procedure.crossval, procedure.seed):
        tuned, temperature, _ = _fitted(procedure, samples, values, fold)
        answers = softmax(tuned.logits(values[fold.test]) / temperature, axis=1)
        tested.append(Tested(fold, answers, 0.5, temperature, {}))
    return float(repeat_aucs(collected(samples, tested)).mean())


def _positive(samples: Samples) -> int:
    return 1 if samples.positive is None else samples.class_names.index(samples.positive)


def _plain(value: Any) -> Any:
    return value.item() if isinstance(value, np.generic) else value
