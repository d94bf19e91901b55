"""The page of a model table: what a model has to beat, and by how much the named ones do."""

from pathlib import Path
from typing import Any

from sentinode.core.messages import listed
from sentinode.core.metric import Metric
from sentinode.metrics.model_table import ModelRow, ModelTable
from sentinode.reports import wording
from sentinode.reports.charts.chart import drawn
from sentinode.reports.charts.model_table_chart import table_chart
from sentinode.reports.frame import Context, write_page

_CLOCK = "Times were taken once, on the machine that made this page, while it may have had other work."
_LIKELIEST = (
    "Accuracy and F1 are of the likeliest class, for every model: a bundle's own threshold, usually set for"
    " sensitivity, is not used here; sentinode evaluate measures at it."
)


def write_table_page(table: ModelTable, context: Context, out: Path) -> None:
    """Write the page of a model table.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    values: dict[str, Any] = {
        "title": f"Baselines on {context.data}",
        "kind": "baselines",
        "heading": _heading(table),
        "facts": context.head(table.n, table.counts, table.groups),
        "headline": _headline(table),
        "table": table,
        "charts": drawn([table_chart(table, "auc"), table_chart(table, "accuracy")]),
        "auc_name": "AUC" if table.positive else "Macro AUC",
        "points": points,
        "points_interval": points_interval,
        "context": context,
        "notes": [*context.notes, _LIKELIEST, _caution(table), _CLOCK],
    }
    write_page("model_table.html.j2", values, out)


def points(metric: Metric) -> str:
    """A signed difference in hundredths: `+3.2`."""
    return wording.MISSING if metric.value is None else _signed(metric.value)


def points_interval(metric: Metric) -> str:
    """`+1.9 to +4.4`; empty without an interval."""
    return "" if metric.low is None or metric.high is None else f"{_signed(metric.low)} to {_signed(metric.high)}"


def _signed(value: float) -> str:
    text = wording.number(100 * value, 1)
    return f"+{text}" if value > 0 and float(text) else text


def _heading(table: ModelTable) -> str:
    names = [row.name for row in table.bundles]
    return f"{listed(names)} against simple baselines" if names else "What a model has to beat"


def _headline(table: ModelTable) -> list[str]:
    best = table.row(table.strongest)
    name = "AUC" if table.positive else "macro AUC"
    sentences = [
        f"The strongest baseline on validation is {best.name}: {name}"
        f" {wording.with_interval('auc', best.metrics['auc'])} and accuracy"
        f" {wording.with_interval('accuracy', best.metrics['accuracy'])} on the images measured here."
    ]
    better = [row for row in table.baselines if _value(row) > _value(best)]
    if better:
        top = max(better, key=_value)
        sentences.append(f"On these images {top.name} ranks a little better ({name} {wording.number(_value(top))}), "
                         "which is not what it was chosen by.")  # fmt: skip
    return sentences + [_uplift_sentence(row, table.strongest, name) for row in table.bundles]


def _uplift_sentence(row: ModelRow, strongest: str, name: str) -> str:
    difference = Metric.undefined("no uplift") if row.uplift is None else row.uplift.differences["auc"]
    if difference.value is None:
        reason = difference.method.removeprefix("undefined: ")
        return f"{row.name} can't be compared with {strongest} by {name}: {reason}."
    between = points_interval(difference)
    if not between:
        return f"{row.name} differs from it by {points(difference)} points of {name}."
    direction = "above" if difference.value > 0 else "below"
    certain = difference.low is not None and difference.high is not None and not difference.low <= 0 <= difference.high
    verdict = "more than chance explains" if certain else "chance alone could explain that"
    return (
        f"{row.name} lies {wording.number(100 * abs(difference.value), 1)} points of {name} {direction} it"
        f" ({wording.INTERVAL} {between}): {verdict}."
    )


def _value(row: ModelRow) -> float:
    return row.metrics["auc"].value or 0.0


def _caution(table: ModelTable) -> str:
    if table.groups is None:
        return (
            "No slide or patient is known, so every interval takes images as independent; for new slides the true"
            " uncertainty is larger."
        )
    return "Intervals resample whole groups; p takes images as independent and is too small for groups."
