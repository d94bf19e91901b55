"""The report: one self-contained page that a pathologist and a reviewer can read."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from sentinode.core.decision import OperatingPoint
from sentinode.metrics.assessment import Assessment
from sentinode.metrics.predictions import Predictions
from sentinode.reports import assessment_wording
from sentinode.reports.assessment_tables import confused_pairs, confusion_cells, subgroup_table
from sentinode.reports.charts.assessment_charts import binary_charts, multiclass_charts
from sentinode.reports.charts.chart import drawn
from sentinode.reports.charts.training_charts import Log, training_charts
from sentinode.reports.frame import Context, write_page
from sentinode.reports.galleries import Images, Maps, binary_galleries, multiclass_galleries


@dataclass(frozen=True, kw_only=True)
class ReportContext(Context):
    """What the numbers can't tell: where they come from, and how to call things."""

    noun: str = "patch"
    group_noun: str = "slide"

    grouping: Literal["group", "source", "stain", "none"] | None = None
    """How the split was made (`Manifest.grouping`); None where nobody split anything."""

    log: Log = ()
    """Rows of `log.csv`; empty leaves the training section out."""

    best_epoch: int | None = None
    """The epoch whose weights were kept."""

    maps_words: str = ""
    """What the maps over the errors are, or why there are none."""

    card: Sequence[str] = ()
    """What the model's card says of the model and of its own data, where the assessed data is other data."""


def write_assessment_page(
    assessment: Assessment,
    predictions: Predictions,
    context: ReportContext,
    out: Path,
    images: Images | None = None,
    maps: Maps | None = None,
) -> None:
    """Write the page of `assessment`.

    Args:
        assessment: The figures; two classes or more.
        predictions: What they were computed from, for the histogram and the galleries.
        context: Names, provenance and limits.
        out: The file, usually `report.html`.
        images: The image of a row of `predictions` as (H, W, 3) uint8; None leaves the pictures out of the galleries.
        maps: The same with what moved the model over it, for the galleries of errors; see `context.maps_words`.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    point, positive, split = assessment.threshold, assessment.positive, _split_words(assessment)
    binary = point is not None and positive is not None
    if point is not None and positive is not None:
        values = _binary(assessment, point, positive, predictions, context, images, maps)
    else:
        values = _multi(assessment, predictions, context, images, maps)
    values |= {
        "title": f"{context.model} on {context.data}: evaluation report",
        "kind": "evaluation report",
        "heading": context.model,
        "facts": replace(context, split=_split_words(assessment)).head(
            assessment.n, assessment.counts, assessment.groups
        ),
        "assessment": assessment,
        "context": context,
        "confusion": confusion_cells(assessment.confusion_matrix),
        "calibration": assessment_wording.calibration_words(assessment),
        "flag": assessment_wording.flag_words(assessment.low_confidence, context.noun)
        if assessment.low_confidence
        else [],
        "subgroups": subgroup_table(assessment, context.group_noun),
        "limits": _limits(assessment, context),
        "provenance": {
            "Model": context.model,
            "Data": f"{context.data}, split {split}",
            **context.provenance,
        }.items(),
    }
    charts = binary_charts(assessment, predictions) if binary else multiclass_charts(assessment)
    values["charts"] = drawn(charts + training_charts(context.log, best_epoch=context.best_epoch))
    write_page("assessment_binary.html.j2" if binary else "assessment_multiclass.html.j2", values, out)


def _binary(
    assessment: Assessment,
    point: OperatingPoint,
    positive: str,
    predictions: Predictions,
    context: ReportContext,
    images: Images | None,
    maps: Maps | None,
) -> dict[str, Any]:
    noun = context.noun
    at = (assessment.metrics["sensitivity"], assessment.metrics["specificity"])
    return {
        "headline": [
            *assessment_wording.split_words(assessment, noun),
            *assessment_wording.binary_headline(assessment, noun),
        ],
        "threshold_words": assessment_wording.threshold_words(point, positive, noun),
        "prevalence_words": {
            share: assessment_wording.prevalence_words(*at, positive, noun, share) for share in (0.01, 0.1)
        },
        "galleries": binary_galleries(predictions, point.value, images, noun, maps),
    }


def _multi(
    assessment: Assessment,
    predictions: Predictions,
    context: ReportContext,
    images: Images | None,
    maps: Maps | None,
) -> dict[str, Any]:
    return {
        "headline": [
            *assessment_wording.split_words(assessment, context.noun),
            *assessment_wording.multiclass_headline(assessment, context.noun),
        ],
        "confused": confused_pairs(assessment),
        "galleries": multiclass_galleries(predictions, images, context.noun, maps),
    }


def _split_words(assessment: Assessment) -> str:
    return f"{assessment.split}, {assessment.chosen}" if assessment.chosen else assessment.split


def _limits(assessment: Assessment, context: ReportContext) -> list[str]:
    words = [assessment_wording.splitting_words(context.grouping, context.group_noun)] if context.grouping else []
    return [*words, *context.notes, *assessment.limits, assessment_wording.REACH]
