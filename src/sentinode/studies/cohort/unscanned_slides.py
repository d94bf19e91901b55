"""Slides that could not be scanned, as a FROC has to count them: their lesions are missed, not gone."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from sentinode.metrics.froc.curve import judge
from sentinode.metrics.froc.detections import Detections
from sentinode.metrics.froc.masks import MASK_MPP, EvaluationMask, evaluation_mask
from sentinode.reports.froc_page import FrocRow
from sentinode.scanning.scan_record import FailedScan, SlideFacts
from sentinode.slides.annotations.camelyon import known_trap
from sentinode.slides.annotations.placement import shifted
from sentinode.slides.annotations.raster import rasterise
from sentinode.slides.annotations.regions import Annotations
from sentinode.studies.cohort.slide_truths import SlideTruths, not_known

_NOTHING = Detections(np.empty(0), np.empty(0), np.empty(0))
_RIM_PX = 100
"""Of mask pixels around the drawn tumour: more than the evaluation mask grows."""


@dataclass(frozen=True)
class Unscanned:
    """What the slides that could not be scanned come to."""

    rows: tuple[FrocRow, ...]
    """Those with annotated tumour, without a detection."""
    left_out: tuple[str, ...]
    """The others, in a sentence each: they would count as slides without false positives."""


def judge_unscanned(failed: Sequence[FailedScan], truths: SlideTruths, scanned: Sequence[SlideFacts]) -> Unscanned:
    """Judge slides of which there is only an annotation.

    Nobody knows their µm/px; the median of the scanned ones stands in, and decides which regions are isolated cells.

    Args:
        failed: Slides that could not be scanned.
        truths: Of the cohort.
        scanned: The slides of the cohort that were scanned; at least one.

    Raises:
        AnnotationError: An annotation can't be read.
    """
    mpp = float(np.median([(facts.mpp_x + facts.mpp_y) / 2 for facts in scanned]))
    rows, left_out = [], []
    for record in failed:
        if known_trap(record.name) is not None:
            continue
        drawn = truths.read(record.name)
        reason = f"it could not be scanned: {record.failure.message}"
        if drawn is not None and (unknown := not_known(drawn)):
            left_out.append(f"Left out: {record.name}: {unknown}; {reason}.")
            continue
        if drawn is None or drawn.tumour.is_empty:
            left_out.append(f"Left out: {record.name}, which has no tumour drawn; {reason}.")
            continue
        note = f"All its targets count as missed; they were measured at {mpp:g} µm/px, as the other slides have it."
        judged = judge(record.name, _NOTHING, _mask(drawn, mpp))
        rows.append(FrocRow(judged, None, note=note, not_assessed=reason))
    return Unscanned(tuple(rows), tuple(left_out))


def _mask(drawn: Annotations, mpp: float) -> EvaluationMask:
    """The targets of an annotation by itself, on a plane that ends some way around them."""
    downsample = MASK_MPP / mpp
    rim = _RIM_PX * downsample
    left, top, right, bottom = drawn.tumour.bounds
    tumour = rasterise(
        shifted(drawn, round(rim - left), round(rim - top)),
        width=math.ceil((right - left) / downsample) + 2 * _RIM_PX,
        height=math.ceil((bottom - top) / downsample) + 2 * _RIM_PX,
        downsample_x=downsample, downsample_y=downsample,
    )  # fmt: skip
    return evaluation_mask(tumour, mpp_x=MASK_MPP, mpp_y=MASK_MPP)
