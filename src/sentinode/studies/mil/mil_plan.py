"""Which fits a comparison takes: every method on the same folds, the same inner slides and the same seeds."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from sentinode.core.errors import DataError
from sentinode.models.mil.aggregator_config import Method
from sentinode.studies.crossval.crossval_config import CrossvalConfig
from sentinode.studies.crossval.folds import Fold, Samples, SampleWords, plan_folds
from sentinode.studies.mil.mil_fits import FitTask
from sentinode.studies.mil.mil_recipe import MilRecipe
from sentinode.studies.mil.mil_slides import MilSlides, labels_of, patients_of
from sentinode.training.mil.bag_validation import held_out

WITHOUT_ATTENTION: frozenset[Method] = frozenset({"mean"})
"""Methods that look at every tile alike."""


@dataclass(frozen=True, eq=False)
class PlannedFit:
    """A fit of the cross-validation."""

    method: Method
    variant: int
    """Place among the method's variants."""
    fold: Fold
    task: FitTask


_WORDS = SampleWords(sample="slide", group="patient", owner="patient", undealt="")
_STAGE_WORDS = replace(_WORDS, rare=", or take --task detection")


def samples_of(slides: MilSlides) -> Samples:
    """The slides that are cross-validated, as plans of folds take them."""
    return Samples(
        ids=[slide.name for slide in slides.train],
        paths=[slide.path.name for slide in slides.train],
        labels=labels_of(slides.train),
        groups=patients_of(slides.train) if slides.patients_known else None,
        class_names=slides.class_names,
        positive=slides.class_names[1] if len(slides.class_names) == 2 else None,
        words=_STAGE_WORDS if len(slides.class_names) > 2 else _WORDS,
    )


def plan_fits(recipe: MilRecipe, slides: MilSlides) -> list[PlannedFit]:
    """The fits of the cross-validation, repeat by repeat, fold by fold, method by method.

    Raises:
        RecipeError: More folds than a class has patients.
        DataError: No way of dealing was found that gives every fold every class, or a fold's training slides can't be
            parted into some to learn from and some to be judged by.
    """
    config = CrossvalConfig(folds=recipe.crossval.folds, repeats=recipe.crossval.repeats)
    folds = plan_folds(samples_of(slides), config, recipe.seed)
    looked = set(explained_places(recipe, labels_of(slides.train)))
    planned = []
    for fold in folds:
        _check_inner(fold, slides, recipe.mil.validation)
    for fold in folds:
        seed = seed_of(recipe.seed, fold.repeat, fold.number)
        own = tuple(place for place in fold.test.tolist() if place in looked) if fold.repeat == 0 else ()
        for method in recipe.crossval.methods:
            for variant, mil in enumerate(recipe.variants(method)):
                key = f"{fold.repeat + 1:02d}-{fold.number + 1:02d}-{method}-{variant + 1:02d}"
                asked = own if variant == 0 and method not in WITHOUT_ATTENTION else ()
                planned.append(PlannedFit(method, variant, fold, FitTask(key, mil, fold.train, fold.test, seed, asked)))
    return planned


def _check_inner(fold: Fold, slides: MilSlides, share: float) -> None:
    """Refuse now what a fit would refuse after others were made."""
    train = [slides.train[place] for place in fold.train]
    try:
        held_out(labels_of(train), patients_of(train), share, 0)
    except DataError as error:
        names = ", ".join(f"{number} is {name}" for number, name in enumerate(slides.class_names))
        raise DataError(f"in fold {fold.number + 1} of repeat {fold.repeat + 1}, {error} ({names})") from error


def explained_places(recipe: MilRecipe, labels: np.ndarray) -> Sequence[int]:
    """Tumour slides whose attention is tested: all, or so many of them drawn by the seed."""
    tumour = np.flatnonzero(labels > 0)
    most = recipe.crossval.explained
    if len(tumour) > most:
        tumour = np.sort(np.random.default_rng(recipe.seed).choice(tumour, most, replace=False))
    return [int(place) for place in tumour]


def seed_of(seed: int, *place: int) -> int:
    """A seed for each place in the plan, the same for every method."""
    return int(np.random.SeedSequence([seed, *place]).generate_state(1)[0]) >> 1
