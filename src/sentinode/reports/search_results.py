"""What a search for hyperparameters found: its trials, ranked by the figure that they were compared by."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Literal

from sentinode.metrics.metric_table import metric_kind
from sentinode.reports import wording

State = Literal["complete", "pruned", "failed", "open"]


@dataclass(frozen=True)
class SearchTrial:
    """One combination of values and what training with it gave."""

    number: int
    """From 1, in the order in which they were begun."""

    state: State
    """`open`: begun and not ended; interrupted, or another process is at it."""

    values: Mapping[str, Any]
    """Dotted recipe key → value; without the keys that the trial had not come to."""

    figure: float | None = None
    """The figure of the epoch whose weights would be kept; of a pruned trial the best that it had come to."""

    epoch: int | None = None
    """The epoch of `figure`, from 1."""

    curve: tuple[tuple[int, float], ...] = ()
    """(epoch, figure) of every epoch."""

    seconds: float | None = None
    """From its last beginning to its end."""

    error: str = ""
    """Why it failed."""


@dataclass(frozen=True)
class SearchResults:
    """The trials of a search and what is told of them."""

    name: str
    metric: str
    """`auc`, `loss` or `accuracy`, of the validation split."""

    keys: tuple[str, ...]
    """What was varied, in the order of the search file."""

    trials: tuple[SearchTrial, ...]
    """Trials in the order in which they were begun."""

    budget: int
    """How many there are to be."""

    grid: Mapping[str, tuple[Any, ...]] | None = None
    """Key → its values, for a grid."""

    importances: Mapping[str, float] = field(default_factory=dict)
    """Key → share of the figure's variance that it explains, largest first; empty where there are too few trials."""

    importance_words: str = ""
    """How they were computed, or why they were not."""

    class_counts: tuple[int, ...] = ()
    """Validation images of each class; of two the positive one last."""

    @property
    def lower_is_better(self) -> bool:
        """Whether a smaller figure is a better one."""
        return not metric_kind(self.metric).larger_is_better

    @cached_property
    def ranked(self) -> tuple[SearchTrial, ...]:
        """Trials that came to their end, the best first; of equals the earlier one."""
        sign = 1 if self.lower_is_better else -1
        done = [trial for trial in self.trials if trial.state == "complete" and trial.figure is not None]
        return tuple(sorted(done, key=lambda trial: sign * (trial.figure or 0.0)))

    @property
    def best(self) -> SearchTrial | None:
        """The trial with the best figure; None where none came to its end."""
        return self.ranked[0] if self.ranked else None

    def of(self, *states: State) -> list[SearchTrial]:
        """The trials in one of `states`."""
        return [trial for trial in self.trials if trial.state in states]

    @property
    def standard_error(self) -> float | None:
        """Standard error of the best figure, by the number of validation images alone; None without a formula for it.

        For an AUC of two classes that of Hanley and McNeil (1982), for an accuracy the binomial one. Two trials share
        their images, so that their difference is known better than this.
        """
        if self.best is None or self.best.figure is None or not self.class_counts:
            return None
        if self.metric == "auc" and len(self.class_counts) == 2:
            return _auc_error(self.best.figure, *self.class_counts)
        if self.metric == "accuracy":
            return math.sqrt(self.best.figure * (1 - self.best.figure) / sum(self.class_counts))
        return None

    def near_best(self) -> list[SearchTrial]:
        """The other trials whose figure is within one standard error of the best."""
        error, best = self.standard_error, self.best
        if error is None or best is None or best.figure is None:
            return []
        return [trial for trial in self.ranked[1:] if abs((trial.figure or 0.0) - best.figure) <= error]


def value_words(value: Any) -> str:
    """A recipe's value as it stands in TOML, numbers without needless digits."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float):
        return f"{value:.4g}"
    if isinstance(value, list | tuple):
        return f"[{', '.join(value_words(item) for item in value)}]"
    return str(value)


def values_in_words(values: Mapping[str, Any]) -> str:
    """`training.epochs = 3, training.learning_rate = 0.001`."""
    return ", ".join(f"{key} = {value_words(value)}" for key, value in values.items())


def metric_words(metric: str) -> str:
    """`validation AUC`."""
    name = wording.metric_name(metric)
    return f"validation {name if name.isupper() else name.lower()}"


def capital(text: str) -> str:
    """`text` with its first letter large, the others as they are."""
    return text[:1].upper() + text[1:]


def _auc_error(auc: float, negatives: int, positives: int) -> float:
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (positives - 1) * (q1 - auc**2) + (negatives - 1) * (q2 - auc**2)
    return math.sqrt(max(variance, 0.0) / (negatives * positives))
