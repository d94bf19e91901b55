"""The page on slides with a label only: all methods side by side, the choice, and what its attention is worth."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.messages import plural
from sentinode.core.node_classes import SLIDE_CLASSES
from sentinode.metrics.attention_measures import AttentionFigures
from sentinode.metrics.crossval.fold_answers import FoldAnswers
from sentinode.metrics.learning_curve import LearningCurve
from sentinode.metrics.measures.roc import roc_curve
from sentinode.metrics.method_table import FIGURES, MethodTable
from sentinode.metrics.predictions import Predictions
from sentinode.metrics.stage_table import StageRow
from sentinode.reports import mil_wording, wording
from sentinode.reports.assessment_tables import confusion_cells
from sentinode.reports.charts.chart import Chart, drawn
from sentinode.reports.charts.crossval_charts import roc_repeats_chart
from sentinode.reports.charts.learning_curve_chart import curve_chart
from sentinode.reports.charts.method_charts import auc_forest, deletion_chart, gain_forest, part_chart
from sentinode.reports.charts.ranking_charts import roc_overlay
from sentinode.reports.frame import Context, write_page

_OUT_OF_FOLD, _TEST = "Out of fold", "On the test slides"


@dataclass(frozen=True, kw_only=True, eq=False)
class MilPage:
    """All that the page is made of."""

    context: Context
    task: str
    reference: str
    """The method that others are held against."""
    default: str
    """The method that is held against the others, too."""
    chosen: str
    chosen_inside: str
    """Name of the row of the choice made inside the folds."""
    times: dict[str, int]
    """In how many folds each method was the best inside."""
    folds: int
    """Folds of all repeats."""
    crossval: MethodTable
    test: MethodTable | None
    answers: FoldAnswers
    """Of the chosen method."""
    test_answers: Predictions | None
    stages: Sequence[StageRow]
    test_stages: Sequence[StageRow]
    attention: Sequence[AttentionFigures]
    test_attention: Sequence[AttentionFigures]
    curve: LearningCurve | None


def write_mil_page(page: MilPage, out: Path) -> None:
    """Write the page.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    table, context = page.crossval, page.context
    references = [row.name for row in table.rows if row.kind == "reference"]
    tables = [("crossval", _OUT_OF_FOLD, table), *([("test", _TEST, page.test)] if page.test else [])]
    values: dict[str, Any] = {
        "title": f"{context.model}: {mil_wording.called(page.chosen)}",
        "kind": "multiple-instance learning",
        "heading": context.model,
        "facts": [*context.head(table.n, table.counts, table.patients), *_test_facts(page)],
        "page": page,
        "context": context,
        "tables": tables,
        "figure_names": FIGURES,
        "called": mil_wording.called,
        "charts": drawn(_charts(page)),
        "headline": _headline(page),
        "by_part": mil_wording.part_sentences(page.test or table, page.default, page.reference)
        if page.default in _names(table) and page.reference in _names(table)
        else [],
        "part_table": page.test or table,
        "part_where": _TEST if page.test else _OUT_OF_FOLD,
        "attention": _attention(page),
        "stage_classes": SLIDE_CLASSES,
        "stage_tables": [
            (title, rows, confusion_cells(next(row for row in rows if row.name == page.chosen).confusion))
            for title, rows in ((_OUT_OF_FOLD, page.stages), (_TEST, page.test_stages))
            if rows
        ],
        "limits": mil_wording.limits(table, page.test, references, page.task, table.patients is not None),
    }
    write_page("mil.html.j2", values, out)


def _names(table: MethodTable) -> set[str]:
    return {row.name for row in table.rows}


def _test_facts(page: MilPage) -> list[tuple[str, str]]:
    return [] if page.test is None else [("Test", f"{plural(page.test.n, 'slide')}, seen once")]


def _headline(page: MilPage) -> list[str]:
    """The finding in words, first on the test slides where there are some."""
    table = page.test or page.crossval
    where = _TEST if page.test else _OUT_OF_FOLD
    names = _names(table)
    found = [
        f"{_capital(mil_wording.called(page.chosen))} was chosen: its out-of-fold log loss on the training slides is "
        f"the least. {mil_wording.auc_sentence(table, page.chosen, where)}"
    ]
    pair = page.default in names and page.reference in names
    if pair:
        found.append(mil_wording.gain_sentence(table, page.default, page.reference, where))
    if page.chosen not in (page.default, page.reference) and page.reference in names:
        found.append(mil_wording.gain_sentence(table, page.chosen, page.reference, where))
    if page.test and pair:
        found.append(mil_wording.gain_sentence(page.crossval, page.default, page.reference, _OUT_OF_FOLD))
    if page.chosen_inside in _names(page.crossval):
        found.append(
            "Choosing the method inside each fold, by slides held out of its training part, gives an AUC of "
            f"{wording.with_interval('auc', page.crossval.row(page.chosen_inside).metrics['auc'])}: that is what to "
            "expect of the choice."
        )
    chosen = [one for one in page.test_attention or page.attention if one.method == page.chosen]
    return found + [mil_wording.hits_sentence(one, one.hits) for one in chosen if one.hits is not None]


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _attention(page: MilPage) -> list[dict[str, Any]]:
    """The chosen method and the default, on the test slides where there are some, with their sentences."""
    shown = page.test_attention or page.attention
    found = []
    for one in shown:
        if one.method in (page.chosen, page.default):
            sentences = [mil_wording.deletion_sentence(one)]
            sentences += [] if one.hits is None else [mil_wording.hits_sentence(one, one.hits)]
            found.append({"method": one.method, "chart": f"deletion-{one.method}", "sentences": sentences})
    return found


def _charts(page: MilPage) -> list[Chart]:
    charts = []
    for name, table in (("crossval", page.crossval), ("test", page.test)):
        if table is None:
            continue
        charts.append(auc_forest(table, page.chosen, name))
        if page.reference in _names(table) and len(table.rows) > 1:
            charts.append(gain_forest(table, page.reference, page.chosen, name))
    table = page.test or page.crossval
    if len(table.parts) > 1:
        charts.append(part_chart(table, _compared(page, table), next(iter(table.parts)).split()[0]))
    charts += [
        deletion_chart(one, one.method)
        for one in page.test_attention or page.attention
        if one.method in (page.chosen, page.default)
    ]
    curves = [] if page.curve is None else [curve_chart(page.curve, "auc", page.context.noun)]
    return [*charts, *curves, *_rocs(page)]


def _compared(page: MilPage, table: MethodTable) -> list[str]:
    """Rows that are drawn by part: more would hide each other."""
    wanted = [page.reference, page.default, page.chosen, *(row.name for row in table.rows if row.kind == "reference")]
    return [name for name in dict.fromkeys(wanted) if name in _names(table)][:4]


def _rocs(page: MilPage) -> list[Chart]:
    mean = page.answers.mean()
    whole = roc_curve(mean.truths, mean.scores)
    if whole is None:
        return []
    curves = [roc_curve(mean.truths, row[:, 1]) for row in page.answers.probabilities]
    auc = page.crossval.row(page.chosen).metrics["auc"]
    charts = [roc_repeats_chart(whole, [curve for curve in curves if curve is not None], auc)]
    if page.test is not None and page.test_answers is not None:
        tested = roc_curve(page.test_answers.truths, page.test_answers.scores)
        if tested is not None:
            charts.append(roc_overlay([(page.chosen, tested, page.test.row(page.chosen).metrics["auc"])], what="one"))
    return charts
