"""The permutation test: how often labels shuffled at random give as good a figure as the true ones."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.metrics.crossval.fold_answers import FoldAnswers, repeat_aucs

_SHUFFLED = (
    "The labels were shuffled within each fold against the finished scores of the first repeat; nothing was trained "
    "again, which would take {times} times as long. It tells whether scores and labels belong together; it would not "
    "notice a leak."
)


@dataclass(frozen=True)
class PermutationTest:
    """The true figure among those of shuffled labels (Ojala & Garriga 2010, test 1)."""

    observed: float
    """Mean AUC within folds with the true labels, computed as for the shuffled ones."""

    shuffled: tuple[float, ...]
    """The same with each shuffling of the labels (M)."""

    p_value: float
    """(b + 1) / (M + 1), b of the M being at least as high as the true one: never 0, and valid for any M."""

    procedure: str
    """What was repeated for each shuffling, in words."""

    def to_json(self) -> dict[str, Any]:
        """`{observed, p_value, permutations, procedure, shuffled}`."""
        return {
            "observed": self.observed,
            "p_value": self.p_value,
            "permutations": len(self.shuffled),
            "procedure": self.procedure,
            "shuffled": list(self.shuffled),
        }


def permutation_test(observed: float, shuffled: Sequence[float], procedure: str) -> PermutationTest:
    """Rank `observed` among `shuffled`."""
    at_least = int((np.asarray(shuffled) >= observed - 1e-12).sum())  # rounding must not break a tie
    return PermutationTest(observed, tuple(shuffled), (at_least + 1) / (len(shuffled) + 1), procedure)


def shuffle_labels(
    labels: NDArray[np.int64], groups: Sequence[str] | None, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Labels (N) that could have been, had they nothing to do with the images.

    With groups, only what is exchangeable changes places (Winkler et al. 2014): groups of one class exchange their
    class as a whole, and in groups of several classes samples exchange theirs within the group.
    """
    if groups is None:
        return rng.permutation(labels)
    codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    shuffled = labels.copy()
    pure = []
    for code in range(int(codes.max()) + 1):
        members = np.flatnonzero(codes == code)
        if len(np.unique(labels[members])) == 1:
            pure.append(members)
        else:
            shuffled[members] = rng.permutation(labels[members])
    classes = rng.permutation(np.array([labels[members[0]] for members in pure], dtype=np.int64))
    for members, label in zip(pure, classes, strict=True):
        shuffled[members] = label
    return shuffled


def permute_finished(answers: FoldAnswers, times: int, seed: int) -> PermutationTest:
    """The test against finished scores: labels shuffled within each fold of the first repeat, nothing fitted again."""
    rng = np.random.default_rng(seed)
    once = replace(
        answers,
        probabilities=answers.probabilities[:1],
        folds=answers.folds[:1],
        thresholds=None if answers.thresholds is None else answers.thresholds[:1],
    )
    shuffled = [float(repeat_aucs(replace(once, labels=_within_folds(once, rng)))[0]) for _ in range(times)]
    return permutation_test(float(repeat_aucs(once)[0]), shuffled, _SHUFFLED.format(times=times))


def _within_folds(answers: FoldAnswers, rng: np.random.Generator) -> NDArray[np.int64]:
    labels = answers.labels.copy()
    for fold in range(answers.fold_count):
        inside = np.flatnonzero(answers.folds[0] == fold)
        groups = None if answers.groups is None else [answers.groups[place] for place in inside]
        labels[inside] = shuffle_labels(labels[inside], groups, rng)
    return labels
