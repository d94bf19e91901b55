"""How well the scores order the samples: ROC and precision–recall curves, of one model, of several, of each class."""

from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.measures.intervals import clopper_pearson
from sentinode.metrics.measures.roc import PrecisionRecallCurve, RocCurve
from sentinode.reports import wording
from sentinode.reports.charts.chart import (
    CARD,
    DASHES,
    INK,
    MODEL,
    MUTED,
    SERIES,
    SQUARE,
    Chart,
    canvas,
    unit_axes,
)

_FALSE_POSITIVES = "False positive rate (1 − specificity)"
_RECALL = "Recall (sensitivity)"
_PRECISION = "Precision (PPV)"


def roc_chart(
    curve: RocCurve, auc: Metric, positives: int, negatives: int, sensitivity: Metric, specificity: Metric
) -> Chart:
    """The ROC curve with the operating point and its intervals.

    The band joins the rectangles of the Clopper–Pearson intervals of sensitivity and of false positive rate at each
    threshold: where each point of the curve may lie.

    Args:
        curve: The curve.
        auc: The area under it.
        positives: Number of positive samples.
        negatives: Number of negative samples.
        sensitivity: At the operating threshold.
        specificity: At the operating threshold.
    """
    with canvas(height=SQUARE) as (figure, (axes,)):
        unit_axes(axes, _FALSE_POSITIVES, "Sensitivity")
        _diagonal(axes)
        grid, lower, upper = _band(curve, positives, negatives)
        axes.fill_between(grid, lower, upper, color=MODEL, alpha=0.16, linewidth=0)
        axes.plot(curve.false_positive_rate, curve.sensitivity, color=MODEL)
        _operating_point(axes, sensitivity, specificity)
        _headline(axes, 0.98, "right", f"AUC {wording.number(auc.value)}", auc)
    alt = (
        f"ROC curve, AUC {wording.with_interval('auc', auc)}. At the operating threshold: sensitivity"
        f" {wording.with_interval('sensitivity', sensitivity)}, specificity"
        f" {wording.with_interval('specificity', specificity)}."
    )
    return Chart("roc", alt, figure)


def precision_recall_chart(curve: PrecisionRecallCurve, average: Metric, precision: Metric, recall: Metric) -> Chart:
    """The precision–recall curve as steps, with the operating point, and what guessing would give."""
    with canvas(height=SQUARE) as (figure, (axes,)):
        unit_axes(axes, _RECALL, _PRECISION)
        axes.axhline(curve.prevalence, color=MUTED, linewidth=1.2, linestyle=DASHES[1])
        # The headline stands at the bottom; above the line there is always room, below it not when positives are rare.
        axes.text(0.02, curve.prevalence + 0.02, "guessing", fontsize=11, color=MUTED)
        _steps(axes, curve, color=MODEL)
        if precision.value is not None and recall.value is not None:
            axes.plot(recall.value, precision.value, "o", color=INK, markersize=8, markeredgecolor=CARD)
        place = (0.02, "left", 0.05) if curve.prevalence > 0.25 else (0.02, "left", 0.45)
        _headline(axes, place[0], place[1], f"AP {wording.number(average.value)}", average, y=place[2])
    alt = (
        f"Precision–recall curve, average precision {wording.with_interval('average_precision', average)}; guessing"
        f" would give {wording.number(curve.prevalence, 2)}."
    )
    return Chart("precision-recall", alt, figure)


def roc_overlay(curves: Sequence[tuple[str, RocCurve, Metric]], *, what: str) -> Chart:
    """Several ROC curves in one frame: of models, or of each class against the rest.

    Args:
        curves: Label, curve and its AUC; the legend keeps their order.
        what: Whose curves they are, for the alt text: "two models".
    """
    with canvas(height=SQUARE) as (figure, (axes,)):
        unit_axes(axes, _FALSE_POSITIVES, "Sensitivity")
        _diagonal(axes)
        for index, (label, curve, auc) in enumerate(curves):
            axes.plot(curve.false_positive_rate, curve.sensitivity, **_series(index, label, auc))
        _legend(axes, "lower right", len(curves))
    figures = "; ".join(f"{label} {wording.with_interval('auc', auc)}" for label, _, auc in curves)
    return Chart("roc-overlay", f"ROC curves of {what}. AUC: {figures}.", figure)


def precision_recall_overlay(curves: Sequence[tuple[str, PrecisionRecallCurve, Metric]]) -> Chart:
    """Several models' precision–recall curves on the same samples."""
    with canvas(height=SQUARE) as (figure, (axes,)):
        unit_axes(axes, _RECALL, _PRECISION)
        axes.axhline(curves[0][1].prevalence, color=MUTED, linewidth=1.2, linestyle=DASHES[1])
        for index, (label, curve, average) in enumerate(curves):
            _steps(axes, curve, **_series(index, label, average))
        _legend(axes, "lower left", len(curves))
    figures = "; ".join(f"{label} {wording.with_interval('average_precision', metric)}" for label, _, metric in curves)
    alt = f"Precision–recall curves of {plural(len(curves), 'model')}. Average precision: {figures}."
    return Chart("precision-recall-overlay", alt, figure)


def _band(
    curve: RocCurve, positives: int, negatives: int
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    x, y = np.asarray(curve.false_positive_rate), np.asarray(curve.sensitivity)
    x_low, x_high = clopper_pearson(np.rint(x * negatives), negatives)
    y_low, y_high = clopper_pearson(np.rint(y * positives), positives)
    grid = np.linspace(0, 1, 301)
    return grid, np.interp(grid, x_high, y_low, left=0.0), np.interp(grid, x_low, y_high, right=1.0)


def _operating_point(axes: Axes, sensitivity: Metric, specificity: Metric) -> None:
    if sensitivity.value is None or specificity.value is None:
        return
    x, y = 1 - specificity.value, sensitivity.value
    if specificity.low is not None and specificity.high is not None:
        axes.plot([1 - specificity.high, 1 - specificity.low], [y, y], color=INK, linewidth=1.4)
    if sensitivity.low is not None and sensitivity.high is not None:
        axes.plot([x, x], [sensitivity.low, sensitivity.high], color=INK, linewidth=1.4)
    axes.plot(x, y, "o", color=INK, markersize=8, markeredgecolor=CARD)
    axes.annotate(
        "operating point",
        (x, y),
        xytext=(14, -16),
        textcoords="offset points",
        ha="left" if x < 0.6 else "right",
        fontsize=11.5,
        color=INK,
    )


def _headline(axes: Axes, x: float, align: str, text: str, metric: Metric, *, y: float = 0.05) -> None:
    axes.text(x, y + 0.075, text, ha=align, fontsize=20, color=MODEL)
    if metric.low is not None and metric.high is not None:
        between = f"{wording.INTERVAL} {wording.number(metric.low)} to {wording.number(metric.high)}"
        axes.text(x, y, between, ha=align, fontsize=11, color=MUTED)


def _diagonal(axes: Axes) -> None:
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, linestyle=DASHES[1])


def _steps(axes: Axes, curve: PrecisionRecallCurve, **line: Any) -> None:
    recall, precision = (0.0, *curve.recall), (curve.precision[0], *curve.precision)
    axes.step(recall, precision, where="pre", **line)


def _series(index: int, label: str, metric: Metric) -> dict[str, Any]:
    return {
        "color": SERIES[index % len(SERIES)],
        "linestyle": DASHES[index // len(SERIES) % len(DASHES)],
        "linewidth": 1.8,
        "label": f"{wording.shortened(label)}  {wording.number(metric.value)}",
    }


def _legend(axes: Axes, where: Literal["lower left", "lower right"], entries: int) -> None:
    small = entries > 9
    axes.legend(loc=where, ncols=2 if small else 1, fontsize=9 if small else 11.5, labelspacing=0.35)
