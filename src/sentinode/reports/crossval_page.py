"""The page of a cross-validation."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.metrics.crossval.fold_answers import FoldAnswers
from sentinode.metrics.crossval.summary import CrossValidation
from sentinode.metrics.measures.roc import roc_curve
from sentinode.reports import crossval_wording
from sentinode.reports.assessment_tables import confusion_cells
from sentinode.reports.assessment_wording import REACH
from sentinode.reports.charts.chart import Chart, drawn
from sentinode.reports.charts.crossval_charts import (
    folds_chart,
    permutation_chart,
    roc_repeats_chart,
    stability_chart,
)
from sentinode.reports.frame import Context, write_page

_HARD = 12  # images in the table of those that are called wrong


@dataclass(frozen=True)
class HardSample:
    """A sample that is often called wrong."""

    id: str
    label: str
    wrong: int
    """Repeats in which it was called wrong."""

    score: float
    """Mean probability of its true class."""


def write_crossval_page(
    summary: CrossValidation,
    answers: FoldAnswers,
    context: Context,
    out: Path,
    *,
    chosen: Sequence[tuple[str, int]] = (),
) -> None:
    """Write the page of a cross-validation.

    Args:
        summary: The figures.
        answers: What they were computed from.
        context: Names, procedure and provenance.
        out: The file, usually `report.html`.
        chosen: Parameters that were chosen inside the folds, and in how many of them; the most frequent first.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    charts = drawn(_charts(summary, answers))
    values: dict[str, Any] = {
        "title": f"{context.model} on {context.data}: cross-validation",
        "kind": "cross-validation",
        "heading": context.model,
        "facts": [*context.head(summary.n, summary.counts, summary.groups), ("Plan", summary.plan)],
        "summary": summary,
        "context": context,
        "charts": charts,
        "chosen": chosen,
        "confusion": confusion_cells(summary.confusion_matrix),
        "limits": [*summary.limits, REACH],
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
