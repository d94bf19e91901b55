"""The page of a cross-validation."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.plurals import count, listed, plural, plural_of
from sentinode.metrics.crossval.fold_answers import FoldAnswers
from sentinode.metrics.crossval.summary import CrossValidation
from sentinode.metrics.measures.roc import roc_curve
from sentinode.reports import crossval_wording
from sentinode.reports.charts.chart import Chart, drawn
from sentinode.reports.charts.crossval_charts import (
    folds_chart,
    permutation_chart,
    roc_repeats_chart,
    stability_chart,
)
from sentinode.reports.frame import write_page

_HARD = 12  # images in the table of those that are called wrong


@dataclass(frozen=True)
class CrossvalContext:
    """What the numbers can't tell."""

    model: str
    """What was cross-validated, in short."""

    data: str
    """Name or address of the data set."""

    noun: str = "image"
    """What a sample is called."""

    group_noun: str = "group"
    """What a group is called."""

    procedure: Sequence[str] = ()
    """What was done in each fold, as sentences."""

    exclusions: Mapping[str, int] = field(default_factory=dict)
    """What was left out: kind → how many."""

    chosen: Sequence[tuple[str, int]] = ()
    """Parameters that were chosen inside the folds, and in how many of them; the most frequent first."""

    provenance: Mapping[str, str] = field(default_factory=dict)
    """Label → value."""

    recipe: str = ""
    """The resolved recipe (TOML)."""


@dataclass(frozen=True)
class HardSample:
    """A sample that is often called wrong."""

    id: str
    label: str
    wrong: int
    """Repeats in which it was called wrong."""

    score: float
    """Mean probability of its true class."""


def write_crossvalidation(summary: CrossValidation, answers: FoldAnswers, context: CrossvalContext, out: Path) -> None:
    """Write one HTML page without scripts, links to elsewhere or a date: same input, same bytes.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    charts = drawn(_charts(summary, answers))
    values: dict[str, Any] = {
        "title": f"{context.model} on {context.data}: cross-validation",
        "kind": "cross-validation",
        "heading": context.model,
        "facts": _facts(summary, context),
        "contents": _contents(summary, charts),
        "summary": summary,
        "context": context,
        "charts": charts,
        "headline": crossval_wording.headline(summary, context.noun),
        "power": crossval_wording.power_words(summary, context.noun),
        "bar_words": crossval_wording.bar_words(summary),
        "hard": hard_samples(answers),
        "hard_total": int(((answers.decided() != answers.labels).sum(axis=0) > 0).sum()),
    }
    write_page("crossval.html.j2", values, out)


def hard_samples(answers: FoldAnswers, most: int = _HARD) -> list[HardSample]:
    """The samples that are called wrong in most repeats; of equals those of the lowest score for their class."""
    wrong = (answers.decided() != answers.labels).sum(axis=0)
    own = np.take_along_axis(answers.probabilities.mean(axis=0), answers.labels[:, None], axis=1)[:, 0]
    order = [row for row in np.lexsort((own, -wrong)) if wrong[row]][:most]
    names = answers.class_names
    return [HardSample(answers.ids[row], names[answers.labels[row]], int(wrong[row]), float(own[row])) for row in order]


def _charts(summary: CrossValidation, answers: FoldAnswers) -> list[Chart]:
    """What can be drawn: folds with one class have no AUC, more than two classes no single ROC curve."""
    charts = []
    if all(fold.auc is not None for fold in summary.per_fold):
        charts.append(folds_chart(summary.per_fold, summary.per_repeat, summary.metrics["auc"], summary.bar.target))
    if summary.repeats > 1:
        charts.append(stability_chart(summary.per_repeat))
    if summary.permutation is not None:
        charts.append(permutation_chart(summary.permutation))
    if answers.positive is not None:
        mean = answers.mean()
        curves = [roc_curve(mean.truths, row[:, answers.positive]) for row in answers.probabilities]
        whole = roc_curve(mean.truths, mean.scores)
        if whole is not None:
            shown = [curve for curve in curves if curve is not None]
            charts.append(roc_repeats_chart(whole, shown, summary.metrics["auc_bootstrap"]))
    return charts


def _facts(summary: CrossValidation, context: CrossvalContext) -> list[tuple[str, str]]:
    counts = [f"{count(number)} {name}" for name, number in summary.counts.items()]
    facts = [("Data", context.data), ("n", plural(summary.n, context.noun))]
    facts.append(("Classes", listed(counts) if len(counts) <= 4 else str(len(counts))))
    if summary.groups is not None:
        facts.append((plural_of(context.group_noun).capitalize(), count(summary.groups)))
    return [*facts, ("Plan", summary.plan)]


def _contents(summary: CrossValidation, charts: Mapping[str, Any]) -> list[tuple[str, str]]:
    sections = [
        ("summary", "Summary", True),
        ("folds", "Folds", True),
        ("stability", "Stability", "stability" in charts or "roc-repeats" in charts),
        ("chance", "Chance", summary.permutation is not None),
        ("figures", "All figures", True),
        ("images", "Hard images", True),
        ("procedure", "Procedure", True),
        ("limits", "Limits", True),
    ]
    return [(id_, name) for id_, name, there in sections if there]
