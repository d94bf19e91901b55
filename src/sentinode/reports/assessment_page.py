"""The report: one self-contained page that a pathologist and a reviewer can read."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from sentinode.core.decision import OperatingPoint
from sentinode.core.plurals import count, listed, plural, plural_of
from sentinode.metrics.assessment import Assessment
from sentinode.metrics.predictions import Predictions
from sentinode.reports import assessment_wording
from sentinode.reports.assessment_tables import confused_pairs, confusion_cells, subgroup_table
from sentinode.reports.charts.assessment_charts import binary_charts, multiclass_charts, training_charts
from sentinode.reports.charts.chart import drawn
from sentinode.reports.charts.training_charts import Log
from sentinode.reports.frame import write_page
from sentinode.reports.galleries import Images, Maps, binary_galleries, multiclass_galleries


@dataclass(frozen=True)
class ReportContext:
    """What the numbers can't tell: where they come from, and how to call things."""

    model: str
    """Name of the model or bundle."""

    data: str
    """Name or address of the data set."""

    noun: str = "patch"
    """What a sample is called."""

    group_noun: str = "slide"
    """What a group is called."""

    grouping: Literal["group", "source", "stain", "none"] | None = None
    """How the split was made (`Manifest.grouping`); None where nobody split anything."""

    exclusions: Mapping[str, int] = field(default_factory=dict)
    """What was left out before the split: kind → how many."""

    notes: Sequence[str] = ()
    """Further limits, as sentences: a recompression, a known shift, images that the model has seen."""

    provenance: Mapping[str, str] = field(default_factory=dict)
    """Label → value, in the order in which to print them: hashes, versions, seed."""

    recipe: str = ""
    """The resolved recipe (TOML), to be unfolded."""

    log: Log = ()
    """Rows of `log.csv`; empty leaves the training section out."""

    best_epoch: int | None = None
    """The epoch whose weights were kept."""

    maps_words: str = ""
    """What the maps over the errors are, or why there are none."""


def write_report(
    assessment: Assessment,
    predictions: Predictions,
    context: ReportContext,
    out: Path,
    images: Images | None = None,
    maps: Maps | None = None,
) -> None:
    """Write `assessment` as one HTML page without scripts, links to elsewhere or a date: same input, same bytes.

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
    point, positive = assessment.threshold, assessment.positive
    binary = point is not None and positive is not None
    if point is not None and positive is not None:
        values = _binary(assessment, point, positive, predictions, context, images, maps)
    else:
        values = _multi(assessment, predictions, context, images, maps)
    values |= {
        "title": f"{context.model} on {context.data}: evaluation report",
        "kind": "evaluation report",
        "heading": context.model,
        "facts": _facts(assessment, context),
        "assessment": assessment,
        "context": context,
        "confusion": confusion_cells(assessment),
        "calibration": assessment_wording.calibration_words(assessment),
        "flag": assessment_wording.flag_words(assessment.low_confidence, context.noun)
        if assessment.low_confidence
        else [],
        "subgroups": subgroup_table(assessment, context.group_noun),
        "limits": _limits(assessment, context),
    }
    charts = binary_charts(assessment, predictions) if binary else multiclass_charts(assessment)
    values["charts"] = drawn(charts + training_charts(context.log, context.best_epoch))
    values["contents"] = _contents(values, binary)
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
        "headline": assessment_wording.binary_headline(assessment, noun),
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
        "headline": assessment_wording.multiclass_headline(assessment, context.noun),
        "confused": confused_pairs(assessment),
        "galleries": multiclass_galleries(predictions, images, context.noun, maps),
    }


def _facts(assessment: Assessment, context: ReportContext) -> list[tuple[str, str]]:
    classes = [f"{count(number)} {name}" for name, number in assessment.counts.items()]
    facts = [("Data", context.data), ("Split", assessment.split), ("n", plural(assessment.n, context.noun))]
    facts.append(("Classes", listed(classes) if len(classes) <= 4 else f"{len(classes)}"))
    if assessment.groups is not None:
        facts.append((plural_of(context.group_noun).capitalize(), count(assessment.groups)))
    return facts


def _limits(assessment: Assessment, context: ReportContext) -> list[str]:
    words = [assessment_wording.splitting_words(context.grouping, context.group_noun)] if context.grouping else []
    return [*words, *context.notes, *assessment.limits]


def _contents(values: dict[str, Any], binary: bool) -> list[tuple[str, str]]:
    """The sections that the page has: id and name."""
    sections = [
        ("summary", "Summary", True),
        ("decisions", "Classes", not binary),
        ("ranking", "Ranking", "roc" in values["charts"] or "roc-overlay" in values["charts"]),
        ("decisions", "Decisions", binary),
        ("calibration", "Calibration", True),
        ("figures", "All figures", not binary),
        ("practice", "In practice", "prevalence" in values["charts"]),
        ("confidence", "Low confidence", True),
        ("subgroups", plural_of(values["context"].group_noun).capitalize(), values["subgroups"] is not None),
        ("examples", "Examples", True),
        ("training", "Training", "loss" in values["charts"]),
        ("limits", "Limits", True),
        ("provenance", "Provenance", True),
    ]
    return [(id_, name) for id_, name, there in sections if there]
