"""What a slide model leaves in the folder of a scan: the bag that it judged; its attention as a map and a picture."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.extras import require
from sentinode.scanning.heatmap import build_attention, write_coloured
from sentinode.scanning.overlay import write_attention_picture
from sentinode.scanning.scan_record import ATTENTION_FILE, FEATURES_FILE
from sentinode.scanning.slide_model import Judgement
from sentinode.scanning.slide_model_record import SlideModelRecord
from sentinode.slides.slide import Slide
from sentinode.slides.tile_plan import TilePlan

shapely = require("shapely", extra="scan")

_DRAWN = 5
"""Candidates in the picture; more would hide what they lie on."""


def write_judgement(
    folder: Path, judgement: Judgement, slide: Slide, plan: TilePlan, overview: NDArray[np.uint8]
) -> None:
    """Write `features.h5`, `attention.tif` and `attention.png` into the folder of a scan.

    Args:
        folder: Of the scan.
        judgement: Of the slide model.
        slide: The slide.
        plan: Its tiles.
        overview: (h, w, 3) RGB of the whole slide.
    """
    from sentinode.models.mil.bag_file import write_bag  # loads HDF5, which no other scan needs

    facts = judgement.facts
    write_bag(folder / FEATURES_FILE, judgement.bag)
    attention = build_attention(
        slide.width, slide.height, slide.mpp, plan.spec, plan.x0, plan.y0, judgement.attention
    )  # fmt: skip
    what = f"attention of the slide model {facts.name}, as a share of its largest, no probability, 0 to 1"
    write_coloured(folder / ATTENTION_FILE, attention, what)
    boxes = [
        (shapely.box(one.x, one.y, one.x + facts.tile_width, one.y + facts.tile_height), one.rank)
        for one in facts.candidates[:_DRAWN]
    ]
    write_attention_picture(
        folder, overview, slide.width, slide.height, attention, boxes, title=_title(slide.name, facts)
    )


def _title(name: str, facts: SlideModelRecord) -> str:
    answer = "positive" if facts.positive else "negative"
    said = f"{answer}, P({' or '.join(facts.classes[1:])}) {facts.score:.3f}, threshold {facts.threshold:.3g}"
    return f"{' '.join(name.split())} · {facts.name}: {said} · attention, no probability"
