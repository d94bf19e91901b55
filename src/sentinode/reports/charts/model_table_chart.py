"""Pictures of a model table: each model's figure with its interval, in one column, the strongest baseline as a line."""

from matplotlib.axes import Axes

from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.model_table import ModelRow, ModelTable
from sentinode.reports import wording
from sentinode.reports.charts.chart import CARD, INK, MODEL, MUTED, Chart, canvas

_ROW = 27  # pixels a model
_FRAME = 62  # the axis below, and air


def table_chart(table: ModelTable, metric: str) -> Chart:
    """`auc` or `accuracy` of every model, as points with their 95 % intervals."""
    with canvas(480, _height(table)) as (figure, (axes,)):
        _draw(axes, table, metric, names=True)
    return Chart(f"models-{metric}", _words(table, metric), figure)


def table_picture(table: ModelTable) -> Chart:
    """AUC and accuracy of every model side by side: one wide picture."""
    with canvas(960, _height(table), columns=2) as (figure, (left, right)):
        _draw(left, table, "auc", names=True)
        _draw(right, table, "accuracy", names=False)
    return Chart("models", f"{_words(table, 'auc')} {_words(table, 'accuracy')}", figure)


def _name(table: ModelTable, metric: str) -> str:
    if metric == "accuracy":
        return "Accuracy"
    return "AUC" if table.positive else "Macro AUC"


def _height(table: ModelTable) -> float:
    return _FRAME + _ROW * len(table.rows)


def _draw(axes: Axes, table: ModelTable, metric: str, *, names: bool) -> None:
    for place, row in enumerate(table.rows):
        _point(axes, len(table.rows) - place, row.metrics[metric], _colour(row, table))
    best = table.row(table.strongest).metrics[metric].value
    if best is not None:
        axes.axvline(best, color=MUTED, linewidth=1.2, linestyle=(0, (5, 2)), zorder=0)
    places = range(len(table.rows), 0, -1)
    axes.set_yticks(list(places), [wording.shortened(row.name, 30) for row in table.rows] if names else [])
    for label, row in zip(axes.get_yticklabels(), table.rows, strict=False):
        label.set_color(_colour(row, table))
    axes.set(xlabel=_name(table, metric), ylim=(0.4, len(table.rows) + 0.6))
    axes.grid(visible=False, axis="y")
    low, high = axes.get_xlim()
    axes.set_xlim(max(0.0, low - 0.1 * (high - low)), min(1.0, high) + 0.16 * (high - low))
    axes.set_xticks([tick for tick in axes.get_xticks() if axes.get_xlim()[0] <= tick <= 1.0])


def _colour(row: ModelRow, table: ModelTable) -> str:
    if row.kind == "bundle":
        return MODEL
    return INK if row.name == table.strongest else MUTED


def _point(axes: Axes, y: int, metric: Metric, colour: str) -> None:
    if metric.value is None:
        return
    end = metric.value
    if metric.low is not None and metric.high is not None:
        axes.plot([metric.low, metric.high], [y, y], color=colour, linewidth=2.2, alpha=0.6, solid_capstyle="round")
        end = metric.high
    axes.plot(metric.value, y, "o", color=colour, markersize=7.5, markeredgecolor=CARD)
    axes.annotate(
        wording.number(metric.value),
        (end, y),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        fontsize=10.5,
        color=INK,
        # On the colour of the card, so that the line of the strongest baseline does not run through the figure.
        bbox={"facecolor": CARD, "edgecolor": "none", "pad": 1.5},
    )


def _words(table: ModelTable, metric: str) -> str:
    figures = "; ".join(f"{row.name} {wording.with_interval(metric, row.metrics[metric])}" for row in table.rows)
    return f"{_name(table, metric)} on {plural(table.n, 'image')}: {figures}."
