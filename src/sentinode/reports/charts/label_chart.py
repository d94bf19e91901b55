"""A picture of a study at several shares of the labels: the AUC of each arm by the number of labels."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator

from sentinode.core.messages import count
from sentinode.metrics.arm_comparison import ArmTable
from sentinode.reports import wording
from sentinode.reports.charts.chart import CARD, MODEL, MUTED, Chart, canvas

_COLOURS = (MUTED, MODEL)
_APART = 1.06
"""Arms stand beside each other by this factor on the axis, so that no bar hides another."""


def label_chart(labels: Sequence[int], panels: Mapping[str, Sequence[ArmTable]]) -> Chart:
    """A panel for each model, a line an arm.

    Args:
        labels: How many labels there were.
        panels: Title → the arms at each number of labels.
    """
    with canvas(860, 340, columns=len(panels)) as (figure, axes):
        for panel, (title, tables) in zip(axes, panels.items(), strict=True):
            _draw(panel, labels, tables)
            panel.set_title(title.capitalize())
        axes[0].set_ylabel("AUC")
        axes[0].legend(loc="lower right")
    said = "; ".join(
        f"{table.name}, {arm.name}: {wording.figure('auc', arm.auc)}"
        for tables in panels.values()
        for table in tables
        for arm in table.arms
    )
    return Chart("study-labels", f"AUC by number of labels. {said}.", figure)


def _draw(axes: Axes, labels: Sequence[int], tables: Sequence[ArmTable]) -> None:
    for place, colour in enumerate(_COLOURS):
        arms = [table.arms[place] for table in tables]
        x = [amount * _APART ** (2 * place - 1) for amount in labels]
        axes.plot(x, [arm.auc.value or 0 for arm in arms], color=colour, marker="o", markersize=7,
                  markeredgecolor=CARD, label=arms[0].name)  # fmt: skip
        for at, arm in zip(x, arms, strict=True):
            if arm.auc.low is not None and arm.auc.high is not None:
                axes.plot([at, at], [arm.auc.low, arm.auc.high], color=colour, linewidth=2, alpha=0.55)
    axes.set(xscale="log", xlabel="Labels")
    axes.margins(x=0.1, y=0.1)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.set_xticks(labels, [count(amount) for amount in labels])
