"""How a training run went, epoch by epoch."""

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from sentinode.core.messages import listed, plural
from sentinode.reports import wording
from sentinode.reports.charts.chart import CARD, COLOURS, INK, MODEL, POSITIVE, Chart, canvas

Log = Sequence[Mapping[str, float]]
"""Rows of `log.csv`: `epoch`, `learning_rate`, `train_loss`, `validation_loss` and further `validation_` metrics."""

_METRIC_COLOURS = (MODEL, COLOURS["green"], COLOURS["purple"], COLOURS["orange"])


def training_curves(log: Log, *, best_epoch: int | None = None) -> Chart:
    """Loss, validation metrics and learning rate by epoch in one wide picture; the kept epoch is marked.

    Args:
        log: At least one row.
        best_epoch: The epoch whose weights were kept.
    """
    with canvas(1000, 300, columns=3) as (figure, (loss, metric, rate)):
        _draw_loss(loss, log, best_epoch)
        _draw_metrics(metric, log, best_epoch)
        _draw_rate(rate, log)
    return Chart("training-curves", f"{_loss_words(log)} {_metric_words(log, best_epoch)}", figure)


def training_charts(log: Log, *, best_epoch: int | None = None) -> list[Chart]:
    """Loss and validation metrics by epoch, a figure each; nothing without a log."""
    if not log:
        return []
    with canvas() as (loss, (axes,)):
        _draw_loss(axes, log, best_epoch)
    with canvas() as (metrics, (axes,)):
        _draw_metrics(axes, log, best_epoch)
    return [
        Chart("loss", _loss_words(log), loss),
        Chart("validation-metrics", _metric_words(log, best_epoch), metrics),
    ]


def _draw_loss(axes: Axes, log: Log, best_epoch: int | None) -> None:
    for name, colour, label in (
        ("train_loss", COLOURS["sky"], "training"),
        ("validation_loss", POSITIVE, "validation"),
    ):
        _line(axes, log, name, colour, label, best_epoch if name == "validation_loss" else None)
    _finish(axes, "Loss")
    axes.legend(loc="upper right")


def _draw_metrics(axes: Axes, log: Log, best_epoch: int | None) -> None:
    names = _metric_columns(log)
    for name, colour in zip(names, _METRIC_COLOURS, strict=False):
        _line(axes, log, name, colour, wording.metric_name(name.removeprefix("validation_")), best_epoch)
    _finish(axes, "On validation")
    if names:
        axes.legend(loc="lower right")


def _draw_rate(axes: Axes, log: Log) -> None:
    _line(axes, log, "learning_rate", INK, "learning rate")
    _finish(axes, "Learning rate")
    axes.set_ylim(bottom=0)
    axes.ticklabel_format(axis="y", style="sci", scilimits=(-2, 3), useMathText=False)


def _line(axes: Axes, log: Log, name: str, colour: str, label: str, best_epoch: int | None = None) -> None:
    """A column of the log by epoch; the best epoch's point is large."""
    rows = [row for row in log if name in row]
    marker = "o" if len(rows) < 40 else ""
    epochs, values = [row["epoch"] for row in rows], [row[name] for row in rows]
    axes.plot(epochs, values, color=colour, marker=marker, markersize=4, label=label)
    for row in rows:
        if row["epoch"] == best_epoch:
            axes.plot(row["epoch"], row[name], "o", color=colour, markersize=11, markeredgecolor=CARD)


def _finish(axes: Axes, label: str) -> None:
    axes.set(xlabel="Epoch", ylabel=label)
    axes.margins(x=0.04, y=0.12)
    axes.xaxis.set_major_locator(MaxNLocator(nbins=8, integer=True))


def _metric_columns(log: Log) -> list[str]:
    return [name for name in log[0] if name.startswith("validation_") and name != "validation_loss"]


def _loss_words(log: Log) -> str:
    first, last = log[0], log[-1]
    words = f"Loss over {plural(len(log), 'epoch')}"
    for name, label in (("train_loss", "training"), ("validation_loss", "validation")):
        if name in first and name in last:
            words += f"; {label} from {wording.number(first[name])} to {wording.number(last[name])}"
    return f"{words}."


def _metric_words(log: Log, best_epoch: int | None) -> str:
    row = next((row for row in log if row["epoch"] == best_epoch), log[-1])
    figures = [
        f"{wording.metric_name(name.removeprefix('validation_'))} {wording.number(row[name])}"
        for name in _metric_columns(log)
    ]
    return f"On validation in epoch {row['epoch']:g}: {listed(figures) if figures else 'no figure'}."
