"""The comparison: several models on the same samples, on one page."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sentinode.core.messages import listed, plural
from sentinode.core.metric import Metric
from sentinode.metrics.comparison import Comparison
from sentinode.metrics.measures.ranking import Ranking
from sentinode.metrics.measures.roc import PrecisionRecallCurve, RocCurve, precision_recall_curve, roc_curve
from sentinode.metrics.predictions import Predictions
from sentinode.reports import wording
from sentinode.reports.charts.chart import Chart, drawn
from sentinode.reports.charts.ranking_charts import precision_recall_overlay, roc_overlay
from sentinode.reports.frame import Context, write_page


def write_comparison_page(
    comparisons: Sequence[Comparison],
    models: Sequence[tuple[str, Predictions, float | None]],
    context: Context,
    out: Path,
) -> None:
    """Write the page of a comparison.

    Args:
        comparisons: What `compare` made of `models`: every later one against the first.
        models: Name, predictions and threshold of each model, as they were given to `compare`.
        context: The data and its split, and what a reader must know beforehand.
        out: The file, usually `comparison.html`.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    first = models[0][1]
    names = [name for name, _, _ in models]
    figures = [comparisons[0].metrics_a, *(comparison.metrics_b for comparison in comparisons)]
    values: dict[str, Any] = {
        "title": f"{listed(names)} on {context.data}: comparison",
        "kind": "comparison",
        "heading": " against ".join(names) if len(names) == 2 else f"{plural(len(names), 'model')} compared",
        "facts": context.head(len(first), groups=None if first.groups is None else len(set(first.groups))),
        "comparisons": comparisons,
        "figure_names": list(figures[0]),
        "headline": [_sentence(comparison) for comparison in comparisons],
        "models": list(zip(names, [threshold for _, _, threshold in models], figures, strict=True)),
        "charts": drawn(_charts(models, figures)),
        "notes": [*context.notes, _caution(first)],
    }
    write_page("comparison.html.j2", values, out)


def _sentence(comparison: Comparison) -> str:
    """Which of two models ranks better, and whether that can be chance."""
    a, b, difference = comparison.name_a, comparison.name_b, comparison.differences["auc"]
    if difference.value is None:
        return f"The AUCs of {a} and {b} can't be compared: {difference.method.removeprefix('undefined: ')}."
    if difference.value == 0:
        return f"{b} and {a} have the same AUC."
    which = "higher" if difference.value > 0 else "lower"
    text = f"The AUC of {b} is {which} than that of {a} by {wording.number(abs(difference.value), 4)}"
    between = wording.difference_interval("auc", difference)
    if difference.low is None or difference.high is None:
        return f"{text}."
    verdict = (
        "chance alone could explain that" if difference.low <= 0 <= difference.high else "more than chance explains"
    )
    return f"{text} ({wording.INTERVAL} of the difference {between}): {verdict}."


def _charts(
    models: Sequence[tuple[str, Predictions, float | None]], figures: Sequence[dict[str, Metric]]
) -> list[Chart]:
    """Overlaid curves of two-class models; without both classes, or with more of them, there are none."""
    rocs: list[tuple[str, RocCurve, Metric]] = []
    precisions: list[tuple[str, PrecisionRecallCurve, Metric]] = []
    for (name, predictions, _), metrics in zip(models, figures, strict=True):
        if not predictions.binary:
            continue
        roc = roc_curve(predictions.truths, predictions.scores)
        precision = precision_recall_curve(predictions.truths, predictions.scores)
        if roc is None or precision is None:
            continue
        average = Ranking(predictions.truths, predictions.scores).areas()[1]
        rocs.append((name, roc, metrics["auc"]))
        precisions.append((name, precision, Metric(float(average), None, None, "", len(predictions))))
    if not rocs:
        return []
    return [roc_overlay(rocs, what=plural(len(rocs), "model")), precision_recall_overlay(precisions)]


def _caution(predictions: Predictions) -> str:
    if predictions.groups is None:
        return (
            "No slide or patient is known, so intervals and p take samples as independent; for new slides the true"
            " uncertainty is larger."
        )
    return "Intervals of differences resample whole groups; p takes samples as independent and is too small for groups."
