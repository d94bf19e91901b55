"""A cross-validation in one TOML file: of a classical model on frozen features, or of a deep training recipe."""

import difflib
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, model_validator

from sentinode.core.errors import RecipeError
from sentinode.data.data_config import DataConfig
from sentinode.models.bundle import is_bundle
from sentinode.models.bundle_info import INFO_FILE
from sentinode.models.pretrained_bundle import is_pretrained_bundle
from sentinode.studies.crossval.crossval_config import CrossvalConfig
from sentinode.training.classical.classifier_config import ClassicalConfig
from sentinode.training.features.feature_config import FeaturesConfig
from sentinode.training.features.feature_recipe import named_features
from sentinode.training.recipe import (
    CROSSVAL_FOLDER,
    Recipe,
    checked,
    overlaid,
    read_toml,
    shipped_files,
    shipped_recipes,
)
from sentinode.training.training_config import EvaluationConfig

_DESCRIPTORS = ("pixels", "colour", "texture")
_DEEP_TABLES = {"model", "training"}
_A_SLIP = 0.9  # likeness of a misspelt recipe; architectures are like recipes too, but not that much


class CrossvalRecipe(BaseModel):
    """Frozen features, a classical model on them, and how both are validated."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    description: str = ""
    seed: int = Field(default=42, ge=0, lt=2**31)
    data: DataConfig
    features: FeaturesConfig
    classifier: ClassicalConfig = ClassicalConfig()
    crossval: CrossvalConfig = CrossvalConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    def to_toml(self) -> str:
        """The resolved recipe, every default written out. TOML has no null: what is unset is left out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


class DeepCrossvalConfig(CrossvalConfig):
    """The same for networks, of which each fold takes as long as a training."""

    repeats: int = Field(default=1, ge=1)
    permutations: int = Field(default=1000, ge=0)
    """As there; but nothing is trained again for them, so that they cost next to nothing."""


class DeepCrossvalRecipe(Recipe):
    """A training recipe, trained anew for every outer fold."""

    crossval: DeepCrossvalConfig = DeepCrossvalConfig()

    @model_validator(mode="after")
    def _refuse_what_no_ensemble_has(self) -> Self:
        if self.stain.normalise != "none":
            raise ValueError(
                f"stain.normalise = {self.stain.normalise!r}: the folds' models are averaged into an ensemble, which "
                'sees images as they are; set stain.normalise = "none"'
            )
        if self.model.context:
            raise ValueError(
                "model.context = true: the folds' models are averaged into an ensemble, which sees tiles alone; leave "
                "it out"
            )
        return self

    def of_training(self) -> Recipe:
        """The recipe that each fold is trained by."""
        return Recipe.model_validate(self.model_dump(exclude={"crossval"}))


AnyCrossvalRecipe = CrossvalRecipe | DeepCrossvalRecipe


def load_crossval_recipe(name: str, *, source: str | None = None, overrides: Sequence[str] = ()) -> AnyCrossvalRecipe:
    """Find out what is to be cross-validated, and lay the command line's values over it.

    Args:
        name: A recipe of cross-validation or of training (shipped name, or path of a TOML file); a bundle, whose
            backbone gives the features; an architecture with its ImageNet weights; or `pixels`, `colour`, `texture`.
        source: The data's address; takes the place of the recipe's `data.source`.
        overrides: `key.path=value`, as for `load_recipe`.

    Raises:
        RecipeError: No such recipe, an unknown key, a wrong type or values that contradict each other.
    """
    values = overlaid(_values(name), name, source=source, overrides=overrides)
    deep = _DEEP_TABLES & set(values)
    classical = {"features", "classifier"} & set(values)
    if deep and classical:
        raise RecipeError(
            f"recipe {name} has [{min(deep)}] and [{min(classical)}]; it either trains a network ([model], [training]) "
            "or a classical model on features ([features], [classifier])"
        )
    if deep:
        return checked(DeepCrossvalRecipe, values, name)
    return checked(CrossvalRecipe, values, name)


def _values(name: str) -> dict[str, Any]:
    if name in shipped_files(CROSSVAL_FOLDER):
        return read_toml(name, folder=CROSSVAL_FOLDER)
    if name in shipped_recipes() or Path(name).suffix == ".toml":
        return read_toml(name)
    if is_bundle(name) or is_pretrained_bundle(name) or name in _DESCRIPTORS:
        return {"name": Path(name).name, "features": named_features(name)}
    if "/" in name or Path(name).is_dir():
        raise RecipeError(
            f"{name} is neither a recipe (.toml) nor a bundle (it has no {INFO_FILE}); give a recipe, a bundle's "
            "folder or the name of an architecture"
        )
    recipes = [*shipped_files(CROSSVAL_FOLDER), *shipped_recipes()]
    if near := difflib.get_close_matches(name, recipes, n=1, cutoff=_A_SLIP):
        raise RecipeError(f"there is no recipe, bundle or architecture {name!r}; did you mean {near[0]}?")
    return {"name": name, "features": named_features(name)}
