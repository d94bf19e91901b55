"""The supervised reference: what the tiles' own scores say of a slide, by a model that was taught by patches.

Nothing is fitted; of the slides' labels only the threshold is chosen, on each fold's training part.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sentinode.metrics.crossval.fold_answers import FoldAnswers
from sentinode.studies.mil.mil_answers import detection_answers, threshold_inside
from sentinode.studies.mil.mil_slides import MilSlide, MilSlides, labels_of

TOPS = {"patch model, highest tile": 1, "patch model, ten highest": 10}
"""Name of a row → the number of tiles whose mean score is the slide's."""


def patch_scores(slides: Sequence[MilSlide], column: int, top: int) -> NDArray[np.float64]:
    """(n,): the mean of each slide's highest scores in a column of its tiles' scores; of fewer tiles, of all."""
    found = []
    for slide in slides:
        scores = slide.bag.scores
        if scores is None:
            raise ValueError(f"{slide.name} has no scores")  # `MilSlides.score_column` says so before
        found.append(float(np.sort(scores[:, column])[-top:].mean(dtype=np.float64)))
    return np.array(found)


def patch_answers(slides: MilSlides, like: FoldAnswers, rule: str) -> dict[str, FoldAnswers]:
    """The reference's answers in the folds of `like`; none where the features carry no score of tumour."""
    column = slides.score_column
    if column is None:
        return {}
    truths = labels_of(slides.train) > 0
    found = {}
    for name, top in TOPS.items():
        scores = patch_scores(slides.train, column, top)
        thresholds = np.array(
            [
                [threshold_inside(truths[row != fold], scores[row != fold], rule) for fold in range(like.fold_count)]
                for row in like.folds
            ]
        )
        repeated = np.tile(scores, (like.repeats, 1))
        found[name] = detection_answers(slides, repeated, like.folds, thresholds)
    return found
