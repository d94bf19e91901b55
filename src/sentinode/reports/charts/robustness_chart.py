"""A picture of the robustness index: by the number of neighbours, a line for each kind of embedding."""

from collections.abc import Mapping

from sentinode.metrics.robustness_index import RobustnessIndex
from sentinode.reports.charts.chart import CARD, INK, SERIES, Chart, canvas


def robustness_chart(found: Mapping[str, RobustnessIndex]) -> Chart:
    """The index by k; a dot where the class is told best, with its interval."""
    with canvas(640, 330) as (figure, (axes,)):
        for (name, one), colour in zip(found.items(), SERIES, strict=False):
            axes.plot(*zip(*one.curve, strict=True), color=colour, label=name)
            value, low, high = one.index.value, one.index.low, one.index.high
            if value is not None and low is not None and high is not None:
                axes.plot([one.k, one.k], [low, high], color=colour, linewidth=5, alpha=0.35)
                axes.plot(one.k, value, "o", color=colour, markersize=7.5, markeredgecolor=CARD)
        axes.axhline(0.5, color=INK, linewidth=1, zorder=0)
        axes.set(xlabel="Neighbours of each image", ylabel="Robustness index", ylim=(0, 1))
        axes.legend(loc="lower right")
    said = "; ".join(f"{name} {one.index!s} at {one.k} neighbours" for name, one in found.items())
    return Chart("robustness-index", f"Robustness index by number of neighbours. {said}.", figure)
