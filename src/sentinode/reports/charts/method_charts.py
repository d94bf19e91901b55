"""Pictures of methods side by side: AUCs and their paired differences as forests, AUC by part, deletion curves."""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.attention_measures import AttentionFigures
from sentinode.metrics.method_table import MethodRow, MethodTable
from sentinode.reports import wording
from sentinode.reports.charts.chart import CARD, DASHES, INK, MODEL, MUTED, POSITIVE, SERIES, Chart, canvas
from sentinode.reports.mil_wording import called

_ROW = 27  # pixels a row
_FRAME = 62  # the axis below, and air


def auc_forest(table: MethodTable, chosen: str, name: str) -> Chart:
    """The AUC of every row with its interval; `name` tells two such pictures of a page apart."""
    rows = [(row, row.metrics["auc"]) for row in table.rows]
    with canvas(480, _FRAME + _ROW * len(rows)) as (figure, (axes,)):
        _forest(axes, rows, chosen, digits=3)
        axes.set(xlabel="AUC")
        low, high = axes.get_xlim()
        axes.set_xlim(max(0.0, low), min(1.0, high) + 0.16 * (min(1.0, high) - low))
        axes.set_xticks([tick for tick in axes.get_xticks() if max(0.0, low) <= tick <= 1.0])
    figures = "; ".join(f"{called(row.name)} {wording.with_interval('auc', metric)}" for row, metric in rows)
    return Chart(f"auc-{name}", f"AUC of each method: {figures}.", figure)


def gain_forest(table: MethodTable, against: str, chosen: str, name: str) -> Chart:
    """Each row's AUC less that of the method `against`, paired."""
    rows = [(row, row.differences[against]) for row in table.rows if against in row.differences]
    with canvas(480, _FRAME + _ROW * len(rows)) as (figure, (axes,)):
        _forest(axes, rows, chosen, digits=3, signed=True)
        axes.axvline(0, color=MUTED, linewidth=1.2, linestyle=(0, (5, 2)), zorder=0)
        axes.set(xlabel=f"AUC less that of {called(against)}")
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: _sign(value, f"{abs(value):g}")))
        low, high = axes.get_xlim()
        axes.set_xlim(low, high + 0.2 * (high - low))
    figures = "; ".join(f"{called(row.name)} {wording.difference('auc', metric)}" for row, metric in rows)
    return Chart(f"gain-{name}", f"AUC less that of {called(against)}, paired: {figures}.", figure)


def _forest(
    axes: Axes, rows: Sequence[tuple[MethodRow, Metric]], chosen: str, *, digits: int, signed: bool = False
) -> None:
    for place, (row, metric) in enumerate(rows):
        _point(axes, len(rows) - place, metric, _colour(row, chosen), digits, signed)
    axes.set_yticks(list(range(len(rows), 0, -1)), [called(row.name) for row, _ in rows])
    for label, (row, _) in zip(axes.get_yticklabels(), rows, strict=True):
        label.set_color(_colour(row, chosen))
    axes.set(ylim=(0.4, len(rows) + 0.6))
    axes.grid(visible=False, axis="y")


def _colour(row: MethodRow, chosen: str) -> str:
    if row.name == chosen:
        return MODEL
    return MUTED if row.kind == "reference" else INK


def _point(axes: Axes, y: int, metric: Metric, colour: str, digits: int, signed: bool) -> None:
    if metric.value is None:
        return
    end = metric.value
    if metric.low is not None and metric.high is not None:
        axes.plot([metric.low, metric.high], [y, y], color=colour, linewidth=2.2, alpha=0.6, solid_capstyle="round")
        end = metric.high
    axes.plot(metric.value, y, "o", color=colour, markersize=7.5, markeredgecolor=CARD)
    text = wording.number(metric.value, digits)
    axes.annotate(
        _sign(metric.value, text.removeprefix("−")) if signed else text,
        (end, y),
        xytext=(7, 0),
        textcoords="offset points",
        va="center",
        fontsize=10.5,
        color=INK,
        bbox={"facecolor": CARD, "edgecolor": "none", "pad": 1.5},  # no line runs through the figure
    )


def _sign(value: float, text: str) -> str:
    return f"+{text}" if value > 0 else f"−{text}" if value < 0 else text


def part_chart(table: MethodTable, names: Sequence[str], by: str) -> Chart:
    """AUC of some rows in each part, from left to right as the parts stand in the table."""
    parts = list(table.parts)
    rows = [table.row(name) for name in names]
    with canvas(480, 330) as (figure, (axes,)):
        for place, row in enumerate(rows):
            offset = 0.09 * (place - (len(rows) - 1) / 2)
            colour = SERIES[place % len(SERIES)]
            for at, part in enumerate(parts):
                metric = row.parts[part]["auc"]
                if metric.low is not None and metric.high is not None:
                    axes.plot([at + offset] * 2, [metric.low, metric.high], color=colour, linewidth=2, alpha=0.5)
            values = [row.parts[part]["auc"].value for part in parts]
            drawn = [(at + offset, value) for at, value in enumerate(values) if value is not None]
            axes.plot(
                [x for x, _ in drawn], [y for _, y in drawn], marker="o", color=colour, markersize=6.5, linewidth=1.4,
                linestyle=DASHES[place // len(SERIES) % len(DASHES)], markeredgecolor=CARD, label=called(row.name),
            )  # fmt: skip
        labels = [f"{name.removeprefix(by).strip()}\nn = {table.parts[name]}" for name in parts]
        axes.set_xticks(range(len(parts)), labels)
        axes.set(ylabel="AUC", xlabel=by, xlim=(-0.5, len(parts) - 0.5))
        axes.legend(loc="lower right", ncols=1)
    words = "; ".join(
        f"{row.name}: " + ", ".join(f"{name} {wording.number(row.parts[name]['auc'].value)}" for name in parts)
        for row in rows
    )
    return Chart("parts", f"AUC by {by}. {words}.", figure)


def deletion_chart(figures: AttentionFigures, name: str) -> Chart:
    """What the mean probability does while tiles are taken away, those of most attention first or at random."""
    test = figures.deletion
    places = list(range(len(test.shares)))
    with canvas(480, 320) as (figure, (axes,)):
        axes.fill_between(places, test.attended, test.random, color=MODEL, alpha=0.12, linewidth=0)
        for values, colour, label in (
            (test.random, MUTED, "in random order"),
            (test.attended, POSITIVE, "most attention first"),
        ):
            axes.plot(places, values, "o-", color=colour, markersize=6, markeredgecolor=CARD, label=label)
        axes.set_xticks(places, [f"{100 * share:g}" for share in test.shares])
        axes.set(xlabel="Tiles taken away, %", ylabel="Mean probability of tumour", ylim=(-0.02, 1.02))
        axes.legend(loc="lower left")
    ends = f"{wording.number(test.attended[-1])} and {wording.number(test.random[-1])}"
    alt = (
        f"Deletion curves of {called(figures.method)} on {plural(figures.slides, 'slide')} with tumour, both from"
        f" {wording.number(test.attended[0])}: with half of the tiles taken away {ends}, by attention and at random."
    )
    return Chart(f"deletion-{name}", alt, figure)
