"""Which recipe a name stands for, and what is said when it stands for another command's."""

from pathlib import Path

import pytest

from sentinode.core.errors import RecipeError
from sentinode.studies.crossval.crossval_recipe import CrossvalRecipe, DeepCrossvalRecipe, load_crossval_recipe
from sentinode.training.recipe import CROSSVAL_FOLDER, load_recipe, shipped_files


@pytest.mark.parametrize("name", shipped_files(CROSSVAL_FOLDER))
def test_each_shipped_recipe_loads_and_survives_being_written_out(name: str, tmp_path: Path) -> None:
    recipe = load_crossval_recipe(name, source="folder:x")
    assert isinstance(recipe, CrossvalRecipe)
    assert recipe.name == name
    path = tmp_path / "recipe.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert load_crossval_recipe(str(path)) == recipe
    with pytest.raises(RecipeError, match=r"use it with `sentinode crossval"):
        load_recipe(str(path))
    with pytest.raises(RecipeError, match=f"`sentinode crossval {name}`"):
        load_recipe(name, source="folder:x")


def test_clinical_features_is_the_first_systems() -> None:
    recipe = load_crossval_recipe("clinical-features", source="folder:x")
    assert isinstance(recipe, CrossvalRecipe)
    assert recipe.features.model is not None
    assert (recipe.features.model.architecture, recipe.classifier.model) == ("resnet50", "logistic")
    assert (recipe.crossval.plan, recipe.crossval.folds, recipe.crossval.repeats) == ("k-fold", 5, 10)


def test_a_name_is_a_training_recipe_a_bundle_an_architecture_or_a_descriptor() -> None:
    trained = load_crossval_recipe("pcam-cpu", source="folder:x", overrides=["crossval.folds=4", "training.epochs=9"])
    assert isinstance(trained, DeepCrossvalRecipe)
    assert (trained.crossval.folds, trained.crossval.repeats, trained.training.epochs) == (4, 1, 9)
    assert trained.of_training() == load_recipe("pcam-cpu", source="folder:x", overrides=["training.epochs=9"])
    found = {name: load_crossval_recipe(name, source="folder:x") for name in ("pcam", "resnet18", "colour")}
    features = {name: recipe.features for name, recipe in found.items() if isinstance(recipe, CrossvalRecipe)}
    assert features["pcam"].bundle == "pcam"
    assert features["resnet18"].model is not None
    assert features["resnet18"].model.weights == "imagenet"
    assert features["colour"].kind == "colour"


@pytest.mark.parametrize(
    ("name", "overrides", "message"),
    [
        ("colour", ["crossval.fold=3"], "unknown key 'crossval.fold'"),
        ("colour", ["crossval.folds=1"], "crossval.folds = 1: input should be greater than or equal to 2"),
        ("colour", ["crossval.bar=auk>=0.5"], "none of the figures that a fold has"),
        ("colour", ["crossval.bar=good"], "can't be read"),
        ("colour", ["training.epochs=3"], r"has \[training\] and \[features\]"),
        ("demo", ["classifier.model=forest"], r"has \[model\] and \[classifier\]"),
        ("no/where", [], "neither a recipe .* nor a bundle"),
        ("nowhere.toml", [], "can't be read"),
    ],
)
def test_a_wrong_value_is_one_line_with_the_remedy(name: str, overrides: list[str], message: str) -> None:
    with pytest.raises(RecipeError, match=message) as error:
        load_crossval_recipe(name, source="folder:x", overrides=overrides)
    assert "\n" not in str(error.value)
