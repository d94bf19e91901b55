"""The test: each method, as it was frozen, is fitted to all training slides and answers for the test slides once."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.progress import Progress
from sentinode.metrics.method_table import Kind
from sentinode.metrics.predictions import Predictions
from sentinode.models.mil.aggregator_config import Method
from sentinode.studies.mil.attention_test import SlideAttention
from sentinode.studies.mil.mil_answers import DETECTION, threshold_inside
from sentinode.studies.mil.mil_choice import Choice
from sentinode.studies.mil.mil_fits import FitSlides, FitTask, run_fits
from sentinode.studies.mil.mil_plan import WITHOUT_ATTENTION, explained_places, seed_of
from sentinode.studies.mil.mil_recipe import MilRecipe
from sentinode.studies.mil.mil_slides import MilSlide, MilSlides, labels_of, patients_of
from sentinode.studies.mil.patch_reference import TOPS, patch_scores


@dataclass(frozen=True, eq=False)
class HeldOutAnswers:
    """What was answered for the test slides."""

    detection: dict[str, tuple[Kind, Predictions, float]]
    """Name → kind, predictions and frozen threshold, as `held_out_table` takes them."""
    above: dict[Method, NDArray[np.float64]]
    """(m, C) calibrated probabilities of being above each class but the last."""
    looks: dict[Method, tuple[SlideAttention, ...]]


def final_seed(recipe: MilRecipe) -> int:
    """Of the fits to all training slides: no fold has it."""
    return seed_of(recipe.seed, recipe.crossval.repeats, 0)


def answer_held_out(
    recipe: MilRecipe, slides: MilSlides, choice: Choice, out: Path, *, jobs: int, progress: Progress
) -> HeldOutAnswers | None:
    """Answer for the test slides; None where there are none."""
    if not slides.test:
        return None
    everything = (*slides.train, *slides.test)
    first = len(slides.train)
    train, asked = np.arange(first), np.arange(first, len(everything))
    looked = tuple(first + place for place in explained_places(recipe, labels_of(slides.test)))
    tasks = [
        FitTask(
            f"final-{method}", one.config, train, asked, final_seed(recipe),
            () if method in WITHOUT_ATTENTION else looked,
        )
        for method, one in choice.frozen.items()
    ]  # fmt: skip
    shared = FitSlides(everything, len(slides.class_names), recipe.labels.encoder)
    records = run_fits(tasks, shared, out, jobs=jobs, progress=progress)
    above = {
        method: one.calibrated.scaling.above(record.logits)
        for (method, one), record in zip(choice.frozen.items(), records, strict=True)
    }
    detection: dict[str, tuple[Kind, Predictions, float]] = {
        method: ("method", _predictions(slides, found[:, 0]), choice.frozen[method].calibrated.threshold.value)
        for method, found in above.items()
    }
    looks = {method: record.looks for method, record in zip(choice.frozen, records, strict=True)}
    return HeldOutAnswers(detection | _patch_model(slides, recipe.evaluation.threshold), above, looks)


def _patch_model(slides: MilSlides, rule: str) -> dict[str, tuple[Kind, Predictions, float]]:
    """The reference, its threshold chosen on all training slides."""
    column = slides.score_column
    if column is None:
        return {}
    truths = labels_of(slides.train) > 0
    return {
        name: (
            "reference",
            _predictions(slides, patch_scores(slides.test, column, top)),
            threshold_inside(truths, patch_scores(slides.train, column, top), rule),
        )
        for name, top in TOPS.items()
    }


def _predictions(slides: MilSlides, scores: NDArray[np.float64]) -> Predictions:
    test: Sequence[MilSlide] = slides.test
    return Predictions(
        ids=[slide.name for slide in test],
        paths=[slide.path.name for slide in test],
        labels=(labels_of(test) > 0).astype(np.int64),
        probabilities=np.stack([1 - scores, scores], axis=1),
        class_names=DETECTION,
        positive=1,
        groups=patients_of(test) if slides.patients_known else None,
    )
