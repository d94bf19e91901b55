"""The page of a FROC: the curve, the six rates, the slide AUC, and every slide with its truth and its heatmap."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.messages import count, plural
from sentinode.core.metric import Metric
from sentinode.metrics.froc.curve import MISSED, RATES, Froc, JudgedSlide
from sentinode.metrics.measures.roc import roc_curve
from sentinode.reports.charts.chart import Chart, drawn
from sentinode.reports.charts.froc_chart import froc_chart
from sentinode.reports.charts.ranking_charts import roc_chart
from sentinode.reports.frame import Context, write_page
from sentinode.reports.picture import picture_address

_WIDEST = 480  # pixels of a picture in the page: a set of 130 slides stays below 20 MB

_HOW = (
    "Targets are CAMELYON16's: annotated tumour grown by 37.5 µm (half of the 75 µm within which regions are one), its"
    " holes filled, regions that touch joined. A region whose major axis is below 275 µm is isolated tumour cells: no"
    " target, and a detection on it counts neither way.",
    "Of several detections in one target the highest counts. A detection on the background of a slide with tumour, and"
    " every detection on a slide without, is a false positive; they are divided by the number of all slides.",
    "The score is the mean of the sensitivities at 1/4, 1/2, 1, 2, 4 and 8 false positives per slide, linearly"
    " interpolated between operating points. Where all detections together make fewer false positives than that, the"
    " last sensitivity stands.",
)


@dataclass(frozen=True, eq=False)
class FrocRow:
    """One slide of the page."""

    judged: JudgedSlide
    score: float | None
    """Score of the slide, 0 to 1; None where nothing was scanned, which counts as 0."""
    thumbnail: NDArray[np.uint8] | None = None
    """(H, W, 3) RGB."""
    truth: NDArray[np.uint8] | None = None
    """(H, W, 3) RGB: the targets on the slide."""
    heatmap: NDArray[np.uint8] | None = None
    """(H, W, 3) RGB: scores and detections on the slide."""
    note: str = ""
    """What to know of this slide, in a sentence."""
    not_assessed: str = ""
    """Why nothing, or too little, of it was seen; empty where it was assessed."""


def write_froc_page(result: Froc, slide_auc: Metric, rows: Sequence[FrocRow], context: Context, out: Path) -> None:
    """Write the page of a FROC. Slides with tumour come first, then the others, each with its pictures.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    ordered = sorted(rows, key=lambda row: (not row.judged.tumour, row.judged.name))
    rates = [(_fraction(rate), metric) for rate, metric in zip(RATES, result.sensitivities, strict=True)]
    values: dict[str, Any] = {
        "title": f"{context.model} on {context.data}: FROC",
        "kind": "lesion report",
        "heading": f"{context.model} on {context.data}: are the metastases found?",
        "facts": _facts(result, context),
        "result": result,
        "slide_auc": slide_auc,
        "charts": drawn(_charts(result, slide_auc, rows)),
        "rates": rates,
        "slides": [_slide(row) for row in ordered],
        "method": [*context.method, *_HOW],
        "notes": context.notes,
    }
    write_page("froc.html.j2", values, out)


def _charts(result: Froc, slide_auc: Metric, rows: Sequence[FrocRow]) -> list[Chart]:
    truths = [row.judged.tumour for row in rows]
    curve = roc_curve(truths, [row.score or 0.0 for row in rows]) if rows else None
    charts = [froc_chart(result)]
    if curve is not None:
        no_point = Metric.undefined("a slide score has no operating threshold")
        positives = sum(truths)
        charts.append(roc_chart(curve, slide_auc, positives, len(truths) - positives, no_point, no_point))
    return charts


def _facts(result: Froc, context: Context) -> list[tuple[str, str]]:
    return [
        ("Slides", f"{count(result.slides)}, {count(result.tumour_slides)} with tumour"),
        ("Targets", count(result.targets)),
        ("Isolated cells", plural(result.isolated, "region")),
        ("Detections", count(result.detections)),
        ("Model", context.model),
    ]


def _slide(row: FrocRow) -> dict[str, Any]:
    judged = row.judged
    hits = [score for score in judged.targets.tolist() if score > MISSED]
    named = (("Slide", row.thumbnail), ("Truth", row.truth), ("Heatmap", row.heatmap))
    return {
        "name": judged.name,
        "tumour": judged.tumour,
        "score": row.score,
        "found": len(hits),
        "targets": len(judged.targets),
        "weakest": min(hits) if hits else None,
        "isolated": judged.isolated,
        "false_positives": len(judged.false_positives),
        "strongest_false": float(judged.false_positives.max()) if len(judged.false_positives) else None,
        "note": row.note,
        "not_assessed": row.not_assessed,
        "pictures": [
            (title, f"{title} of {judged.name}", picture_address(pixels, _WIDEST))
            for title, pixels in named
            if pixels is not None
        ],
    }


def _fraction(rate: float) -> str:
    return {0.25: "1/4", 0.5: "1/2"}.get(rate, f"{rate:g}")
