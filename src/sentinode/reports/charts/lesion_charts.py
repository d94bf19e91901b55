"""Pictures of a study that looks for lesions: how many are found at which cost, and what an arm changes."""

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import NDArray

from sentinode.core.metric import Metric
from sentinode.metrics.froc.curve import GRID
from sentinode.metrics.froc.lesion_arms import LesionFigures, LesionQuestions
from sentinode.reports.charts.chart import CARD, DASHES, INK, MODEL, MUTED, SERIES, SHARES, SQUARE, Chart, canvas

CURVE_RATES = np.array(GRID)
"""False lesions a normal slide at which curves are drawn."""


def lesion_curves(curves: Mapping[str, NDArray[np.float64]]) -> Chart:
    """Share of lesions found by false lesions a normal slide, a line an arm.

    Args:
        curves: Of each arm, the share at each of `CURVE_RATES`.
    """
    with canvas(height=SQUARE) as (figure, (axes,)):
        for place, (name, shares) in enumerate(curves.items()):
            colour = (MUTED, *SERIES)[place]
            axes.plot(CURVE_RATES, shares, color=colour, linestyle=DASHES[0 if place else 1], label=name)
        axes.set_xscale("log", base=2)
        axes.set(xlim=(GRID[0], GRID[-1]), ylim=(-0.01, 1.01))
        axes.set(xlabel="False lesions a normal slide", ylabel="Lesions found")
        axes.set_xticks([0.125, 0.25, 0.5, 1, 2, 4, 8], ["1/8", "1/4", "1/2", "1", "2", "4", "8"])
        axes.set_yticks(*SHARES)
        axes.legend(loc="lower right")
    middle = int(np.argmin(np.abs(CURVE_RATES - 1)))
    said = "; ".join(f"{name}: {100 * shares[middle]:.0f} % at 1" for name, shares in curves.items())
    return Chart("lesion-curves", f"Share of lesions found by false lesions a normal slide. {said}.", figure)


def lesion_differences(arms: Sequence[LesionFigures], questions: LesionQuestions) -> Chart:
    """What each arm but the first changes: a dot and its interval a figure; zero is the first arm."""
    count = len(questions.sensitivities)
    false, found = questions.names[:count], questions.names[count:]
    with canvas(480, 110 + 34 * max(len(false), len(found)) * (len(arms) - 1), columns=2) as (figure, (left, right)):
        shares = [f"{100 * share:g} % found" for share in questions.sensitivities]
        _draw(left, arms, dict(zip(false, shares, strict=True)), 1)
        sizes = ("all", f"1–{questions.small} cells", f"{questions.small + 1} and more")
        _draw(right, arms, dict(zip(found, sizes, strict=True)), 100)
        left.set_xlabel("False lesions")
        right.set_xlabel("Found, in points")
    said = "; ".join(
        f"{arm.name}, {name}: {metric.as_difference()}" for arm in arms[1:] for name, metric in arm.differences.items()
    )
    return Chart("lesion-differences", f"Differences to the first arm. {said}.", figure)


def _draw(axes: Axes, arms: Sequence[LesionFigures], labels: Mapping[str, str], unit: float) -> None:
    rows: list[tuple[str, Metric]] = [
        (label if len(arms) == 2 else f"{arm.name}, {label}", arm.differences[name])
        for arm in arms[1:]
        for name, label in labels.items()
    ]
    for place, (_, metric) in enumerate(rows):
        assert metric.value is not None
        assert metric.low is not None
        assert metric.high is not None
        y = len(rows) - place
        colour = MODEL if metric.low > 0 or metric.high < 0 else MUTED
        ends = [unit * metric.low, unit * metric.high]
        axes.plot(ends, [y, y], color=colour, linewidth=2.2, alpha=0.6, solid_capstyle="round")
        axes.plot(unit * metric.value, y, "o", color=colour, markersize=7.5, markeredgecolor=CARD)
    axes.axvline(0, color=INK, linewidth=1.2, zorder=0)
    axes.set_yticks(range(len(rows), 0, -1), [label for label, _ in rows])
    axes.set(ylim=(0.4, len(rows) + 0.6))
    axes.grid(visible=False, axis="y")
