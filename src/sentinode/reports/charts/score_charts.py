"""What the scores look like: their histogram by class with the threshold, and the reliability diagram."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, FuncFormatter
from numpy.typing import NDArray

from sentinode.core.decision import LowConfidenceBand
from sentinode.metrics.measures.calibration import ReliabilityPoint
from sentinode.reports import wording
from sentinode.reports.charts.chart import (
    CARD,
    DASHES,
    FLAG,
    INK,
    MODEL,
    MUTED,
    NEGATIVE,
    POSITIVE,
    SHARES,
    SQUARE,
    Chart,
    canvas,
    ticks_apart,
    unit_axes,
)

_BINS = 50
_TICKS = (0, 1, 3, 10, 30, 100, 300, 1000, 3000, 10_000, 30_000, 100_000, 300_000, 1_000_000)


def histogram_chart(
    scores: NDArray[np.float64],
    truths: NDArray[np.int64],
    names: tuple[str, str],
    threshold: float,
    band: LowConfidenceBand | None,
) -> Chart:
    """Scores of the positive samples upwards and of the negative ones downwards, with the threshold and the flag.

    The count axis is a square root: most scores lie at the ends, and the errors, which matter, are few.

    Args:
        scores: Probability of the positive class (N).
        truths: 1 for a positive sample (N).
        names: Names of the negative and of the positive class.
        threshold: The operating threshold.
        band: The low-confidence band.
    """
    edges = np.linspace(0, 1, _BINS + 1)
    up, down = (np.histogram(scores[truths == truth], edges)[0] for truth in (1, 0))
    with canvas() as (figure, (axes,)):
        if band is not None:
            axes.axvspan(band.low, band.high, color=FLAG, alpha=0.22, linewidth=0)
        for counts, sign, colour in ((up, 1, POSITIVE), (down, -1, NEGATIVE)):
            axes.bar(edges[:-1], sign * np.sqrt(counts), width=1 / _BINS * 0.88, align="edge", color=colour)
        axes.axhline(0, color=MUTED, linewidth=0.8)
        reach = max(1.0, float(np.sqrt(max(up.max(), down.max()))))
        axes.set(xlim=(0, 1), ylim=(-1.08 * reach, 1.22 * reach))
        _root_axis(axes, reach)
        axes.axvline(threshold, color=INK, linewidth=1.5, linestyle=DASHES[1])
        side = "left" if threshold < 0.6 else "right"
        shift = 0.012 if side == "left" else -0.012
        axes.text(threshold + shift, 1.19 * reach, f"threshold {threshold:.3f}", ha=side, va="top", color=INK)
        axes.text(0.72, 0.8 * reach, names[1], ha="center", fontsize=13)
        axes.text(0.72, -0.8 * reach, names[0], ha="center", va="top", fontsize=13)
        axes.set(xlabel=f"Score (probability of {names[1]})", ylabel="Samples, root scale")
        axes.set_xticks(*SHARES)
        axes.grid(visible=False, axis="x")
    missed = int((scores[truths == 1] < threshold).sum())
    alarms = int((scores[truths == 0] >= threshold).sum())
    alt = (
        f"Histogram of the scores: {names[1]} upwards, {names[0]} downwards. Below the threshold {threshold:.3f} lie"
        f" {missed} of {names[1]}, at or above it {alarms} of {names[0]}."
    )
    if band is not None:
        alt += f" The low-confidence band runs from {band.low:.3f} to {band.high:.3f}."
    return Chart("histogram", alt, figure)


def reliability_chart(points: Sequence[ReliabilityPoint], error: float | None, *, positive: str | None) -> Chart:
    """Observed share over mean probability in equal-mass bins, with Clopper–Pearson intervals.

    Args:
        points: The bins.
        error: The calibration error, for the words.
        positive: Name of the positive class; None for more than two classes, where the predicted class is meant.
    """
    x = np.array([point.predicted for point in points])
    y = np.array([point.observed for point in points])
    bars = np.array([[point.observed - point.low, point.high - point.observed] for point in points]).T
    with canvas(height=SQUARE) as (figure, (axes,)):
        subject = positive or "the predicted class"
        unit_axes(axes, f"Probability of {subject}", "Share that came true")
        axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, linestyle=DASHES[1])
        axes.errorbar(x, y, yerr=np.maximum(bars, 0), fmt="none", ecolor=MODEL, elinewidth=1.4, alpha=0.55)
        axes.plot(x, y, "-", color=MODEL, linewidth=1.2, alpha=0.55)
        axes.plot(x, y, "o", color=MODEL, markersize=6.5, markeredgecolor=CARD, markeredgewidth=0.8)
        # Which way a probability errs is said of the class: "too sure" of tumour is "too cautious" of none.
        axes.text(0.03, 0.95, f"understates {wording.shortened(subject)}", va="top", color=MUTED, fontsize=11)
        axes.text(0.97, 0.04, f"overstates {wording.shortened(subject)}", ha="right", color=MUTED, fontsize=11)
    worst = max(points, key=lambda point: abs(point.observed - point.predicted))
    alt = (
        f"Reliability diagram in {len(points)} bins of equal size, calibration error {wording.number(error)}."
        f" Farthest from the diagonal: predicted {worst.predicted:.2f}, observed {worst.observed:.2f}."
    )
    return Chart("reliability", alt, figure)


def _root_axis(axes: Axes, reach: float) -> None:
    most = reach**2
    roots = ticks_apart([float(np.sqrt(tick)) for tick in _TICKS if 0 < tick <= most and np.sqrt(tick) > 0.12 * reach])
    ticks = [0.0, *(sign * root for root in roots for sign in (-1, 1))]
    axes.yaxis.set_major_locator(FixedLocator(sorted(set(ticks))))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{round(value * value):,}"))
