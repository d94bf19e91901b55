"""Slides with detections, for FROC."""

import numpy as np

from sentinode.metrics.froc.curve import JudgedSlide, judge
from sentinode.metrics.froc.detections import Detections
from sentinode.metrics.froc.masks import EvaluationMask, evaluation_mask

IN_TARGET, AT_ITS_RIM, ON_ITC, BACKGROUND = (300, 400), (525, 400), (1020, 220), (1200, 800)
"""Places on `truth`, x and y in µm."""


def detections(*rows: tuple[float, float, float]) -> Detections:
    """From (x_um, y_um, score)."""
    return Detections(*np.array(rows, dtype=float).reshape(-1, 3).T)


def truth(height: int = 90, width: int = 130) -> EvaluationMask:
    """At 10 µm/px: a target of 400 × 400 µm, isolated cells of 50 × 50 µm; grown by 37.5 µm, that is 3 px."""
    tumour = np.zeros((height, width), dtype=bool)
    tumour[20:60, 10:50] = True
    tumour[20:25, 100:105] = True
    return evaluation_mask(tumour, mpp_x=10, mpp_y=10)


def cohort(n: int = 30, seed: int = 3) -> list[JudgedSlide]:
    rng = np.random.default_rng(seed)
    mask = truth()
    slides = []
    for number in range(n):
        tumour = number % 3 == 0
        rows = [(*BACKGROUND, score) for score in rng.uniform(0, 0.8, rng.poisson(3))]
        rows += [(*IN_TARGET, rng.uniform(0.3, 1))] if tumour else []
        slides.append(judge(f"s{number:02}", detections(*rows), mask if tumour else None))
    return slides
