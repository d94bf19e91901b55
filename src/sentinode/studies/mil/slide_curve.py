"""What more slides would bring: the chosen method on growing parts of the training slides."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.progress import Progress
from sentinode.metrics.learning_curve import CurvePoint, LearningCurve, learning_curve, point_metrics
from sentinode.metrics.predictions import Predictions
from sentinode.studies.baselines.training_subsets import draw
from sentinode.studies.crossval.folds import Fold
from sentinode.studies.mil.mil_answers import DETECTION
from sentinode.studies.mil.mil_choice import Choice
from sentinode.studies.mil.mil_fits import FitRecord, FitSlides, FitTask, run_fits
from sentinode.studies.mil.mil_plan import PlannedFit, seed_of
from sentinode.studies.mil.mil_recipe import MilRecipe
from sentinode.studies.mil.mil_slides import MilSlides, labels_of, patients_of

FRACTIONS = (0.125, 0.25, 0.5, 1.0)
"""Of the training part of a fold."""

_LEAST = 2  # patients of each class, so that some can be held out


@dataclass(frozen=True, eq=False)
class _Draw:
    fraction: float
    fold: Fold
    places: NDArray[np.int64]
    """Of the drawn slides, among all training slides."""


def trace_slide_curve(
    recipe: MilRecipe,
    slides: MilSlides,
    choice: Choice,
    planned: Sequence[PlannedFit],
    out: Path,
    *,
    jobs: int,
    progress: Progress,
) -> LearningCurve:
    """Fit the chosen method to parts of each training part of the first repeat, and score that fold's own slides.

    The test slides are not touched. For one fold, a smaller part lies within a larger one; whole patients are drawn.
    Parts with too few patients of a class are left out.
    """
    folds = list({one.fold.number: one.fold for one in planned if one.fold.repeat == 0}.values())
    drawn = [one for fraction in FRACTIONS for fold in folds if (one := _drawn(slides, fold, fraction)) is not None]
    tasks = [
        FitTask(
            f"curve-{one.fraction:g}-{one.fold.number + 1:02d}", choice.chosen.config, one.places, one.fold.test,
            seed_of(recipe.seed, 0, one.fold.number),
        )
        for one in drawn
    ]  # fmt: skip
    shared = FitSlides(slides.train, len(slides.class_names), recipe.labels.encoder)
    records = run_fits(tasks, shared, out, jobs=jobs, progress=progress)
    points = [_point(slides, one, record) for one, record in zip(drawn, records, strict=True)]
    most = max(len(one.places) for one in drawn)
    return learning_curve(points, n_train=most, n=len(slides.train), positive=DETECTION[1])


def _drawn(slides: MilSlides, fold: Fold, fraction: float) -> _Draw | None:
    labels, patients = labels_of(slides.train)[fold.train], np.array(patients_of(slides.train))[fold.train]
    groups = patients.tolist() if slides.patients_known else None
    part = draw(labels, groups, fraction, fold.number)
    for label in np.unique(labels):
        if len(set(patients[part][labels[part] == label].tolist())) < _LEAST:
            return None
    return _Draw(fraction, fold, fold.train[part])


def _point(slides: MilSlides, one: _Draw, record: FitRecord) -> CurvePoint:
    asked = [slides.train[place] for place in one.fold.test]
    scores = record.above[:, 0]
    predictions = Predictions(
        ids=[slide.name for slide in asked],
        paths=[slide.path.name for slide in asked],
        labels=(labels_of(asked) > 0).astype(np.int64),
        probabilities=np.stack([1 - scores, scores], axis=1),
        class_names=DETECTION,
        positive=1,
    )
    taught = [slides.train[place] for place in one.places]
    counts = np.bincount((labels_of(taught) > 0).astype(int), minlength=2).tolist()
    return CurvePoint(
        fraction=one.fraction,
        seed=one.fold.number + 1,
        n=len(taught),
        counts=dict(zip(DETECTION, counts, strict=True)),
        groups=len(set(patients_of(taught))) if slides.patients_known else None,
        metrics=point_metrics(predictions),
        seconds=None,
    )
