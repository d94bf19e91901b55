"""Pictures of a learning curve: the median of the seeds as a line, their range as a band, every model as a point."""

from matplotlib.axes import Axes
from matplotlib.ticker import NullFormatter, NullLocator

from sentinode.core.messages import count, plural, plural_of
from sentinode.metrics.learning_curve import METRICS, LearningCurve
from sentinode.reports import wording
from sentinode.reports.charts.chart import CARD, MODEL, Chart, canvas, ticks_apart


def curve_chart(curve: LearningCurve, metric: str, noun: str = "image") -> Chart:
    """`auc` or `accuracy` by the number of training images, or of what `noun` says."""
    with canvas() as (figure, (axes,)):
        _draw(axes, curve, metric, noun)
    return Chart(f"learning-{metric}", _words(curve, metric, noun), figure)


def curve_picture(curve: LearningCurve) -> Chart:
    """Both of them side by side: one wide picture."""
    with canvas(860, 330, columns=2) as (figure, axes):
        for one, metric in zip(axes, METRICS, strict=True):
            _draw(one, curve, metric, "image")
    return Chart("learning", " ".join(_words(curve, metric, "image") for metric in METRICS), figure)


def metric_name(curve: LearningCurve, metric: str) -> str:
    """What the metric is called for these classes."""
    return "Macro AUC" if metric == "auc" and curve.positive is None else wording.metric_name(metric)


def _draw(axes: Axes, curve: LearningCurve, metric: str, noun: str) -> None:
    steps = [step for step in curve.steps if step.metrics[metric].value is not None]
    sizes = [step.n for step in steps]
    found = [step.metrics[metric] for step in steps]
    medians = [one.value or 0.0 for one in found]
    lows = [value if one.low is None else one.low for one, value in zip(found, medians, strict=True)]
    highs = [value if one.high is None else one.high for one, value in zip(found, medians, strict=True)]
    axes.fill_between(sizes, lows, highs, color=MODEL, alpha=0.16, linewidth=0)
    points = [point for point in curve.points if point.metrics[metric].value is not None]
    values = [point.metrics[metric].value for point in points]
    axes.plot([point.n for point in points], values, "o", color=MODEL, alpha=0.45, markersize=4, markeredgewidth=0)  # type: ignore[arg-type]
    axes.plot(sizes, medians, color=MODEL, marker="o", markersize=7, markeredgecolor=CARD)
    axes.set(xlabel=f"Training {plural_of(noun)}", ylabel=metric_name(curve, metric), xscale="log")
    axes.margins(x=0.08, y=0.12)
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_minor_formatter(NullFormatter())
    shown = ticks_apart(sizes, log=True)
    axes.set_xticks(shown, [count(int(size)) for size in shown])


def _words(curve: LearningCurve, metric: str, noun: str) -> str:
    figures = "; ".join(
        f"{plural(step.n, noun)} {wording.figure(metric, step.metrics[metric])}"
        + (f" ({wording.interval(metric, step.metrics[metric])})" if step.metrics[metric].low is not None else "")
        for step in curve.steps
    )
    by = f"by number of training {plural_of(noun)}"
    return f"{metric_name(curve, metric)} {by}, median and range of the seeds: {figures}."
