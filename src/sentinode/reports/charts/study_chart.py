"""A picture of a study: what each arm changes in AUC, with its interval, below the model that it was tried on."""

from collections.abc import Sequence

from sentinode.metrics.arm_comparison import ArmFigures, ArmTable
from sentinode.reports import wording
from sentinode.reports.charts.chart import CARD, INK, MODEL, MUTED, Chart, canvas

_ROW = 27
_FRAME = 76


def difference_chart(tables: Sequence[ArmTable]) -> Chart:
    """Differences in AUC, in points: a dot and its 95 % interval an arm; zero is the first arm."""
    rows = [(table.name, arm) for table in tables for arm in table.arms[1:]]
    with canvas(640, _FRAME + _ROW * len(rows)) as (figure, (axes,)):
        for place, (_, arm) in enumerate(rows):
            difference = arm.auc_difference
            assert difference is not None
            assert difference.low is not None
            assert difference.high is not None
            y = len(rows) - place
            decided = difference.low > 0 or difference.high < 0
            colour = MODEL if decided else MUTED
            ends = [100 * difference.low, 100 * difference.high]
            axes.plot(ends, [y, y], color=colour, linewidth=2.2, alpha=0.6, solid_capstyle="round")
            axes.plot(100 * (difference.value or 0), y, "o", color=colour, markersize=7.5, markeredgecolor=CARD)
        axes.axvline(0, color=INK, linewidth=1.2, zorder=0)
        axes.set_yticks(range(len(rows), 0, -1), [f"{name}: {arm.name}" for name, arm in rows])
        axes.set(xlabel="AUC, difference in points", ylim=(0.4, len(rows) + 0.6))
        axes.grid(visible=False, axis="y")
    said = "; ".join(f"{name}, {arm.name}: {_points(arm)}" for name, arm in rows)
    return Chart("study-differences", f"Difference in AUC to the first arm, in points. {said}.", figure)


def _points(arm: ArmFigures) -> str:
    difference = arm.auc_difference
    return "" if difference is None else wording.difference("auc", difference)
