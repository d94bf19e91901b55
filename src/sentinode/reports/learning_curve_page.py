"""The page of a learning curve: whether more images would help."""

from pathlib import Path
from typing import Any

from sentinode.core.messages import count, plural
from sentinode.core.metric import Metric
from sentinode.metrics.learning_curve import METRICS, CurveStep, LearningCurve
from sentinode.reports import wording
from sentinode.reports.charts.chart import drawn
from sentinode.reports.charts.learning_curve_chart import curve_chart, metric_name
from sentinode.reports.frame import Context, write_page

_DRAWS = (
    "The band is the range over the seeds, each with its own draw of the training images; it is no confidence interval,"
    " and does not hold what other measured images would change. With all training images there is one draw only, and"
    " the seeds differ by what training itself draws at random."
)
_LIKELIEST = "Accuracy is of the likeliest class, whatever operating threshold a model would carry."


def write_curve_page(curve: LearningCurve, context: Context, out: Path) -> None:
    """Write the page of a learning curve.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    values: dict[str, Any] = {
        "title": f"{context.model} on {context.data}: learning curve",
        "kind": "learning curve",
        "heading": f"{context.model}: learning curve",
        "facts": [
            *context.head(curve.n),
            ("Training images", count(curve.n_train)),
            ("Seeds", count(len({point.seed for point in curve.points}))),
        ],
        "headline": _headline(curve),
        "curve": curve,
        "charts": drawn([curve_chart(curve, metric) for metric in METRICS]),
        "names": {metric: metric_name(curve, metric) for metric in METRICS},
        "context": context,
        "notes": [*context.notes, _DRAWS, _LIKELIEST],
    }
    write_page("learning_curve.html.j2", values, out)


def _headline(curve: LearningCurve) -> list[str]:
    steps, name = curve.steps, metric_name(curve, "auc")
    last = steps[-1]
    if last.metrics["auc"].value is None:
        return [f"{name} can't be told: {last.metrics['auc'].method.removeprefix('undefined: ')}."]
    most = f"With {_images(last, curve)}, {name} is {_median(last)}"
    if len(steps) == 1:
        return [f"{most}."]
    return [f"{most}; with {_images(steps[0], curve)}, {_median(steps[0])}.", _last_step(steps[-2], last, name)]


def _images(step: CurveStep, curve: LearningCurve) -> str:
    share = wording.per_cent(step.n / curve.n_train, 0 if step.n >= 0.1 * curve.n_train else 1)
    return f"{plural(step.n, 'training image')} ({share})"


def _median(step: CurveStep) -> str:
    metric = step.metrics["auc"]
    if metric.low is None or metric.high is None:
        return wording.number(metric.value)
    between = f"{wording.number(metric.low)} to {wording.number(metric.high)}"
    return f"{wording.number(metric.value)} (median of {plural(step.seeds, 'seed')}, range {between})"


def _last_step(before: CurveStep, last: CurveStep, name: str) -> str:
    """What the last growth of the training set gave, against what the draw alone changes."""
    a, b = before.metrics["auc"], last.metrics["auc"]
    gain = 100 * ((b.value or 0.0) - (a.value or 0.0))
    grown = f"From {count(before.n)} to {plural(last.n, 'image')} the median {name}"
    moved = "rises" if gain >= 0 else "falls"
    text = f"{grown} {moved} by {wording.number(abs(gain), 1)} points"
    if a.low is None or a.high is None:
        return f"{text}; with one seed nothing says how much of that is the draw."
    apart = b.low is not None and (b.low > a.high if gain >= 0 else (b.high or 0.0) < a.low)
    if last.seeds > 1 and apart:
        return f"{text}, and the ranges of the seeds do not meet."
    return f"{text}; at {plural(before.n, 'image')} the seeds differ by {_range(a)}, at the last by {_range(b)}."


def _range(metric: Metric) -> str:
    if metric.low is None or metric.high is None:
        return "nothing that was tried"
    return f"{wording.number(100 * (metric.high - metric.low), 1)} points"
