"""From what the fits answered to everything that is told: tables, stages, attention."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.metrics.attention_measures import AttentionFigures
from sentinode.metrics.crossval.fold_answers import FoldAnswers
from sentinode.metrics.learning_curve import LearningCurve
from sentinode.metrics.method_table import Kind, MethodTable, crossval_table, held_out_table
from sentinode.metrics.stage_table import StageRow, called_stage, stage_rows
from sentinode.models.mil.aggregator_config import Method
from sentinode.studies.mil.attention_test import SlideAttention, attention_figures, tiles_on_lesions
from sentinode.studies.mil.held_out_slides import HeldOutAnswers
from sentinode.studies.mil.mil_answers import MethodAnswers
from sentinode.studies.mil.mil_choice import Choice
from sentinode.studies.mil.mil_fits import FitRecord
from sentinode.studies.mil.mil_plan import PlannedFit
from sentinode.studies.mil.mil_recipe import DEFAULT, REFERENCE, MilRecipe
from sentinode.studies.mil.mil_slides import MilSlides, labels_of
from sentinode.studies.mil.patch_reference import patch_answers
from sentinode.studies.mil.slide_parts import edges_of, parts_of

CHOSEN_INSIDE = "chosen inside"
"""The row of the procedure as a whole: in each fold the method that was best inside it."""

_AGAINST = (REFERENCE, DEFAULT)


@dataclass(frozen=True, eq=False)
class Attention:
    """What attention is worth, method by method."""

    train: tuple[AttentionFigures, ...]
    """Each slide looked at by the model of the fold that it was tested in."""
    test: tuple[AttentionFigures, ...]
    notes: tuple[str, ...]
    """On annotations that could not be used."""


@dataclass(frozen=True, eq=False)
class MilFigures:
    """All figures of a comparison."""

    choice: Choice
    times: dict[Method, int]
    """In how many folds each method was the best inside."""
    answers: dict[str, tuple[Kind, FoldAnswers]]
    """Name of a row → kind and out-of-fold answers."""
    held_out: HeldOutAnswers | None
    crossval: MethodTable
    test: MethodTable | None
    stages: tuple[StageRow, ...]
    """Of the first repeat; empty for detection."""
    test_stages: tuple[StageRow, ...]
    attention: Attention
    curve: LearningCurve | None
    """None where none was asked for."""


def tabulate(
    recipe: MilRecipe,
    slides: MilSlides,
    answers: Mapping[Method, MethodAnswers],
    inside: MethodAnswers,
    held_out: HeldOutAnswers | None,
) -> tuple[dict[str, tuple[Kind, FoldAnswers]], MethodTable, MethodTable | None]:
    """The rows of the cross-validation, their table, and that of the test slides."""
    rows: dict[str, tuple[Kind, FoldAnswers]] = {name: ("method", one.detection) for name, one in answers.items()}
    if len(answers) > 1:
        rows[CHOSEN_INSIDE] = ("choice", inside.detection)
    references = patch_answers(slides, inside.detection, recipe.evaluation.threshold)
    rows |= {name: ("reference", found) for name, found in references.items()}
    edges = edges_of(slides.train, recipe.labels)
    crossval = crossval_table(
        rows, _AGAINST, parts=parts_of(slides.train, recipe.labels, edges),
        permutations=recipe.crossval.permutations, seed=recipe.seed,
    )  # fmt: skip
    if held_out is None:
        return rows, crossval, None
    parts = parts_of(slides.test, recipe.labels, edges)
    return rows, crossval, held_out_table(held_out.detection, _AGAINST, parts=parts, seed=recipe.seed)


def staged(
    recipe: MilRecipe, slides: MilSlides, answers: Mapping[Method, MethodAnswers], held_out: HeldOutAnswers | None
) -> tuple[tuple[StageRow, ...], tuple[StageRow, ...]]:
    """Stages of the training slides, by the first repeat's models, and of the test slides; empty for detection."""
    if recipe.labels.task != "stage":
        return (), ()
    called: dict[str, NDArray[np.int64]] = {name: called_stage(one.above[0]) for name, one in answers.items()}
    train = stage_rows(called, labels_of(slides.train).tolist(), seed=recipe.seed)
    if held_out is None:
        return train, ()
    tested: dict[str, NDArray[np.int64]] = {name: called_stage(above) for name, above in held_out.above.items()}
    return train, stage_rows(tested, labels_of(slides.test).tolist(), seed=recipe.seed)


def attention_of(
    recipe: MilRecipe,
    slides: MilSlides,
    planned: Sequence[PlannedFit],
    records: Sequence[FitRecord],
    held_out: HeldOutAnswers | None,
    annotations: Path | None,
) -> Attention:
    """What was found on the slides whose attention was tested, by each method's first variant."""
    everything = (*slides.train, *slides.test)
    bags = [slide.bag for slide in everything if slide.label > 0]
    lesions, notes = ({}, []) if annotations is None else tiles_on_lesions(bags, annotations)
    patients = {slide.name: slide.row.patient for slide in everything} if slides.patients_known else None
    looks: dict[str, list[SlideAttention]] = {}
    for one, record in zip(planned, records, strict=True):
        looks.setdefault(one.method, []).extend(record.looks)

    def figures(found: Iterable[tuple[str, Sequence[SlideAttention]]]) -> tuple[AttentionFigures, ...]:
        each = (attention_figures(method, own, patients, lesions, recipe.seed) for method, own in found)
        return tuple(one for one in each if one is not None)

    return Attention(figures(looks.items()), figures(held_out.looks.items() if held_out else ()), tuple(notes))
