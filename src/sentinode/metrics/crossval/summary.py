"""Everything that a cross-validation measured: its `metrics.json`, and what its page draws."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.assessment import SCHEMA_VERSION
from sentinode.metrics.crossval.crossval_auc import auc_metrics, hanley_mcneil
from sentinode.metrics.crossval.crossval_rates import confusion, decision_rates, probability_losses
from sentinode.metrics.crossval.fold_answers import (
    FoldAnswers,
    FoldFigures,
    fold_figures,
    repeat_aucs,
    within_folds,
)
from sentinode.metrics.crossval.permutation import PermutationTest
from sentinode.metrics.measures.intervals import FEW_GROUPS, Resampling
from sentinode.metrics.metric_table import shown_in
from sentinode.metrics.targets import TargetResult, check_targets, parse_target

OUT_OF_FOLD = "out-of-fold"
"""What the split of a cross-validation is called: every sample, by models that had not seen it."""


@dataclass(frozen=True)
class RepeatFigures:
    """What one repeat gives; figures as in `FoldFigures`, over all its folds."""

    repeat: int
    """From 1."""

    auc: float
    """Mean over the folds."""

    accuracy: float
    sensitivity: float | None
    specificity: float | None


@dataclass(frozen=True)
class Bar:
    """How many folds reach a figure that was named beforehand."""

    target: str
    """Such as `auc>=0.8`."""

    passed: int
    """Folds that reach it."""

    total: int
    """Folds that have the figure."""

    by_repeat: tuple[int, ...]
    """Folds that reach it in each repeat."""


@dataclass(frozen=True)
class CrossValidation:
    """All figures of one cross-validation."""

    n: int
    counts: dict[str, int]
    """Class name → samples."""

    groups: int | None
    """Number of slides or patients; None where none is known."""

    class_names: tuple[str, ...]
    positive: str | None
    plan: str
    """How the folds were made, in words."""

    repeats: int
    folds: int
    """Folds of a repeat."""

    metrics: dict[str, Metric]
    """auc, auc_pooled, auc_bootstrap, sensitivity, specificity, accuracy, brier, log_loss; without the second, third
    and fourth of these for more than two classes."""

    confusion_matrix: tuple[tuple[int, ...], ...]
    """Summed over the repeats: rows true, columns called, in the order of `confusion_labels`."""

    confusion_labels: tuple[str, ...]
    per_fold: tuple[FoldFigures, ...]
    per_repeat: tuple[RepeatFigures, ...]
    spread_folds: float | None
    """Standard deviation of the AUC over all folds; None where folds have none of their own."""

    spread_repeats: float | None
    """Standard deviation of the AUC over the repeats; None for one repeat."""

    bar: Bar
    permutation: PermutationTest | None
    expected_half_width: float | None
    """Half-width of the 95 % interval of the AUC that so many samples give, by Hanley and McNeil; two classes only."""

    targets: tuple[TargetResult, ...]
    limits: tuple[str, ...]
    """What a reader must know, as sentences."""

    def to_json(self) -> dict[str, Any]:
        """The content of `metrics.json`: the fields that every kind has, and `cross_validation`."""
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": "cross-validation",
            "split": OUT_OF_FOLD,
            "n": self.n,
            "counts": self.counts,
            "groups": self.groups,
            "class_names": list(self.class_names),
            "positive": self.positive,
            "threshold": None,
            "confusion_matrix": [list(row) for row in self.confusion_matrix],
            "confusion_labels": list(self.confusion_labels),
            "metrics": {name: metric.to_json() for name, metric in self.metrics.items()},
            "targets": [result.to_json() for result in self.targets],
            "limits": list(self.limits),
            "cross_validation": {
                "plan": self.plan,
                "repeats": self.repeats,
                "folds": self.folds,
                "auc_sd_over_folds": self.spread_folds,
                "auc_sd_over_repeats": self.spread_repeats,
                "expected_half_width": self.expected_half_width,
                "bar": {**asdict(self.bar), "by_repeat": list(self.bar.by_repeat)},
                "permutation": self.permutation.to_json() if self.permutation else None,
                "per_repeat": [asdict(figures) for figures in self.per_repeat],
                "per_fold": [asdict(figures) for figures in self.per_fold],
            },
        }

    def summary(self) -> str:
        """A few lines for a terminal."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        lines = [f"{self.plan}: {plural(self.n, 'image')} ({counts})"]
        shown = [name for name in shown_in("short") if name in self.metrics]
        lines += [f"  {name:<18} {self.metrics[name]}" for name in shown]
        lines.append(f"  {self.bar.passed} of {plural(self.bar.total, 'fold')} at {self.bar.target}")
        if self.permutation:
            times = len(self.permutation.shuffled)
            lines.append(f"  permutation test   p = {self.permutation.p_value:.3g} ({times} shufflings)")
        return "\n".join(lines)


def summarise(
    answers: FoldAnswers,
    *,
    plan: str,
    bar: str,
    permutation: PermutationTest | None = None,
    targets: Sequence[str] = (),
    limits: Sequence[str] = (),
    resamples: int = 1000,
    seed: int = 42,
) -> CrossValidation:
    """Measure everything on out-of-fold answers.

    Args:
        answers: The answers.
        plan: How the folds were made, in words.
        bar: What a fold should reach, such as `auc>=0.8`.
        permutation: The permutation test, where one was made.
        targets: What the whole should reach.
        limits: What the caller knows.
        resamples: Bootstrap resamples, of whole groups where groups are known.
        seed: Of the bootstrap.

    Raises:
        EvaluationError: A target can't be read or names no figure of a cross-validation.
    """
    names = answers.class_names
    mean = answers.mean()
    resampling = Resampling(answers.labels, mean.group_codes, resamples, seed)
    folds, aucs = fold_figures(answers), repeat_aucs(answers)
    metrics = (
        auc_metrics(answers, resampling) | decision_rates(answers, resampling) | probability_losses(answers, resampling)
    )
    counts = np.bincount(answers.labels, minlength=len(names))
    matrix, labels = confusion(answers)
    each = [figures.auc for figures in folds if figures.auc is not None]
    return CrossValidation(
        n=len(answers.labels),
        counts=dict(zip(names, counts.tolist(), strict=True)),
        groups=resampling.group_count,
        class_names=names,
        positive=None if answers.positive is None else names[answers.positive],
        plan=plan,
        repeats=answers.repeats,
        folds=answers.fold_count,
        metrics=metrics,
        confusion_matrix=matrix,
        confusion_labels=labels,
        per_fold=folds,
        per_repeat=_per_repeat(answers, aucs),
        spread_folds=float(np.std(each, ddof=1)) if within_folds(answers) else None,
        spread_repeats=float(aucs.std(ddof=1)) if len(aucs) > 1 else None,
        bar=_bar(folds, bar, answers.repeats),
        permutation=permutation,
        expected_half_width=_expected(metrics["auc"], answers),
        targets=check_targets(targets, metrics),
        limits=(*limits, *_own_limits(answers, resampling)),
    )


def _per_repeat(answers: FoldAnswers, aucs: NDArray[np.float64]) -> tuple[RepeatFigures, ...]:
    right = answers.decided() == answers.labels
    positive = answers.labels == answers.positive if answers.binary else None
    return tuple(
        RepeatFigures(
            repeat=number + 1,
            auc=float(auc),
            accuracy=float(row.mean()),
            sensitivity=None if positive is None else float(row[positive].mean()),
            specificity=None if positive is None else float(row[~positive].mean()),
        )
        for number, (auc, row) in enumerate(zip(aucs, right, strict=True))
    )


def _bar(folds: Sequence[FoldFigures], text: str, repeats: int) -> Bar:
    target = parse_target(text)
    passed = [0] * repeats
    total = 0
    for figures in folds:
        value = getattr(figures, target.metric)
        total += value is not None
        passed[figures.repeat - 1] += value is not None and target.holds(value)
    return Bar(str(target), sum(passed), total, tuple(passed))


def _expected(auc: Metric, answers: FoldAnswers) -> float | None:
    if not answers.binary or auc.value is None:
        return None
    positives = int((answers.labels == answers.positive).sum())
    return hanley_mcneil(auc.value, positives, len(answers.labels) - positives)


def _own_limits(answers: FoldAnswers, resampling: Resampling) -> list[str]:
    limits = [
        "The figures are those of the procedure: every model behind them learned from a part of the images. The final "
        "model learned from all of them and was not measured itself."
    ]
    if resampling.group_count is None:
        limits.append(
            "No slide or patient is known, so images of one may be in different folds, and the figures are then too "
            "good for new ones; intervals take images as independent."
        )
    elif resampling.group_count < FEW_GROUPS:
        limits.append(
            f"Only {plural(resampling.group_count, 'group')}: intervals that resample groups are too narrow "
            f"with fewer than {FEW_GROUPS}."
        )
    if not within_folds(answers):
        limits.append(
            "A fold has one class alone, so scores of different models are ranked against each other, which makes the "
            "AUC too low."
        )
    if answers.repeats == 1:
        limits.append("One repeat: how much the result depends on the dealing of the folds is not in the interval.")
    return limits
