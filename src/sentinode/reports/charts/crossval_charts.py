"""What a cross-validation looks like: every fold, how steady the repeats are, ROC curves, shuffled labels."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.crossval.fold_answers import FoldFigures
from sentinode.metrics.crossval.permutation import PermutationTest
from sentinode.metrics.crossval.summary import RepeatFigures
from sentinode.metrics.measures.roc import RocCurve
from sentinode.metrics.targets import parse_target
from sentinode.reports import wording
from sentinode.reports.charts.chart import (
    CARD,
    COLOURS,
    DASHES,
    INK,
    MODEL,
    MUTED,
    POSITIVE,
    SQUARE,
    Chart,
    canvas,
    ticks_apart,
    unit_axes,
)

_WIDE = 820
_SPREAD = 0.24  # half the width in which the folds of a repeat lie side by side


def folds_chart(folds: Sequence[FoldFigures], repeats: Sequence[RepeatFigures], auc: Metric, bar: str) -> Chart:
    """The AUC of every fold, repeat by repeat, with the mean of each repeat and the interval of the whole.

    Args:
        folds: Every fold, each with an AUC.
        repeats: Every repeat.
        auc: The figure of the whole.
        bar: What a fold should reach; drawn when it is about the AUC.
    """
    values = np.array([fold.auc for fold in folds], dtype=np.float64).reshape(len(repeats), -1)
    beside = np.linspace(-_SPREAD, _SPREAD, values.shape[1])
    with canvas(_WIDE) as (figure, (axes,)):
        if auc.low is not None and auc.high is not None:
            axes.axhspan(auc.low, auc.high, color=MODEL, alpha=0.1, linewidth=0)
        for number, row in enumerate(values, start=1):
            axes.plot([number - 0.34, number + 0.34], [row.mean()] * 2, color=MODEL, linewidth=2.4)
            axes.plot(number + beside, row, "o", color=INK, markersize=6, markeredgecolor=CARD, alpha=0.8)
        target = parse_target(bar)
        if target.metric == "auc":
            axes.axhline(target.bound, color=POSITIVE, linewidth=1.3, linestyle=DASHES[1])
            _beside(axes, target.bound, f"{target.bound:g}", POSITIVE)
        axes.axhline(0.5, color=MUTED, linewidth=1.1, linestyle=DASHES[2])
        _beside(axes, 0.5, "guessing", MUTED)
        axes.set(xlim=(0.4, len(values) + 0.6), xlabel="Repeat", ylabel="AUC of each fold")
        axes.set_ylim(min(0.45, float(values.min()) - 0.05), 1.03)
        axes.set_xticks(ticks_apart(range(1, len(values) + 1), most=20))
        axes.grid(visible=False, axis="x")
    alt = (
        f"AUC of {plural(values.size, 'fold')} in {plural(len(values), 'repeat')}: from"
        f" {wording.number(values.min(), 2)} to {wording.number(values.max(), 2)};"
        f" mean {wording.with_interval('auc', auc)}."
    )
    return Chart("folds", alt, figure)


def stability_chart(repeats: Sequence[RepeatFigures]) -> Chart:
    """The figures of every repeat: how much hangs on which images happened to be in which fold."""
    series = [("AUC", MODEL, "auc"), ("Accuracy", COLOURS["green"], "accuracy")]
    if repeats[0].sensitivity is not None:
        series[1:] = [("Sensitivity", POSITIVE, "sensitivity"), ("Specificity", COLOURS["sky"], "specificity")]
    numbers = [figures.repeat for figures in repeats]
    words = []
    with canvas() as (figure, (axes,)):
        for label, colour, name in series:
            values = [getattr(figures, name) for figures in repeats]
            axes.plot(numbers, values, "o-", color=colour, label=label, markersize=5, markeredgecolor=CARD)
            words.append(f"{label} from {wording.number(min(values), 2)} to {wording.number(max(values), 2)}")
        axes.set(xlabel="Repeat", ylabel="Over all folds of the repeat")
        low = min(getattr(figures, name) for figures in repeats for _, _, name in series)
        axes.set_ylim(max(-0.02, min(0.45, low - 0.05)), 1.03)
        axes.xaxis.set_major_locator(MaxNLocator(nbins=10, integer=True))
        figure.legend(loc="outside upper center", ncols=3)
    return Chart("stability", f"Figures of {plural(len(repeats), 'repeat')}: {', '.join(words)}.", figure)


def roc_repeats_chart(mean: RocCurve, repeats: Sequence[RocCurve], auc: Metric) -> Chart:
    """ROC curves of the pooled out-of-fold scores: of every repeat, and of the scores' mean."""
    with canvas(height=SQUARE) as (figure, (axes,)):
        unit_axes(axes, "False positive rate (1 − specificity)", "Sensitivity")
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, linestyle=DASHES[1])
        for curve in repeats:
            axes.plot(curve.false_positive_rate, curve.sensitivity, color=MODEL, linewidth=0.9, alpha=0.35)
        axes.plot(mean.false_positive_rate, mean.sensitivity, color=MODEL, linewidth=2.4)
        axes.text(0.98, 0.05, "strong: mean score\nfaint: each repeat", ha="right", fontsize=11, color=MUTED)
    alt = (
        f"ROC curves of the out-of-fold scores of {plural(len(repeats), 'repeat')} and of their mean score,"
        f" whose AUC is {wording.with_interval('auc', auc)}."
    )
    return Chart("roc-repeats", alt, figure)


def permutation_chart(test: PermutationTest) -> Chart:
    """How the figure is distributed with shuffled labels, and where the true one lies."""
    with canvas() as (figure, (axes,)):
        values = np.array(test.shuffled)
        low, high = min(values.min(), test.observed), max(values.max(), test.observed)
        axes.hist(values, bins=np.linspace(low, high, 25).tolist(), color=COLOURS["sky"])
        top = axes.get_ylim()[1]
        axes.axvline(test.observed, color=INK, linewidth=1.8, linestyle=DASHES[1])
        side = "right" if test.observed > (low + high) / 2 else "left"
        shift = (low - high) * 0.02 if side == "right" else (high - low) * 0.02
        axes.text(test.observed + shift, top * 1.13, "true labels", ha=side, va="top", color=INK)
        axes.set(ylim=(0, top * 1.16), xlabel="AUC with shuffled labels", ylabel="Shufflings")
        axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True))
        axes.grid(visible=False, axis="x")
    alt = (
        f"Histogram of the AUC over {plural(len(values), 'shuffling')} of the labels, mean"
        f" {wording.number(float(values.mean()), 2)}; with the true labels it is {wording.number(test.observed, 2)},"
        f" p {wording.p_value(test.p_value)}."
    )
    return Chart("permutation", alt, figure)


def _beside(axes: Axes, height: float, text: str, colour: str) -> None:
    """What a line at `height` stands for, right of the axes, where no point can lie under it."""
    axes.text(1.005, height, text, color=colour, va="center", fontsize=11, transform=axes.get_yaxis_transform())
