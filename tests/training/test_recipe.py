from pathlib import Path

import pytest

from sentinode.core.errors import RecipeError
from sentinode.training.recipe import Recipe, load_data_config, load_recipe, shipped_recipes

EXPECTED = {
    "camelyon16-efficientnet",
    "convnext-tiny",
    "demo",
    "efficientnet-b0",
    "kaggle-resnet18",
    "kaggle-resnet34",
    "metastatic-resnet34",
    "nct-resnet50",
    "pathmnist-cnn",
    "pcam-cpu",
    "pcam-gpu",
    "pcam-lite",
    "pcam-student",
    "resnet50",
    "vit-small",
}


def test_every_recipe_of_the_package_is_known_here() -> None:
    assert set(shipped_recipes()) == EXPECTED


@pytest.mark.parametrize("name", sorted(EXPECTED))
def test_each_shipped_recipe_loads_and_survives_being_written_out(name: str, tmp_path: Path) -> None:
    recipe = load_recipe(name, source="folder:somewhere")
    assert recipe.name == name
    path = tmp_path / "resolved.toml"
    path.write_text(recipe.to_toml(), encoding="utf-8")
    assert load_recipe(str(path)) == recipe


def test_the_second_systems_recipe_is_to_the_letter() -> None:
    recipe = load_recipe("metastatic-resnet34", source="kaggle:x")
    training = recipe.training
    assert (recipe.model.architecture, recipe.model.input_size, list(recipe.model.trainable)) == (
        "resnet34",
        224,
        ["layer4", "fc"],
    )
    assert (training.epochs, training.batch_size, training.optimizer, training.learning_rate) == (15, 32, "adam", 1e-4)
    plateau = (training.schedule, training.plateau_patience, training.plateau_factor, training.minimum_learning_rate)
    assert plateau == ("plateau", 2, 0.5, 1e-6)
    assert training.class_weight == "balanced"
    augmentation = training.augmentation
    jitter = {augmentation.brightness, augmentation.contrast, augmentation.saturation}
    assert (augmentation.flips, augmentation.rotation, jitter) == (True, 15, {0.3})
    assert (recipe.data.split.fractions, recipe.data.split.seed) == ((0.70, 0.15, 0.15), 42)
    assert set(recipe.evaluation.targets) == {
        "accuracy>=0.92",
        "sensitivity>=0.95",
        "precision>=0.90",
        "f1>=0.92",
        "auc>=0.95",
    }


def test_the_command_line_overrides_any_value() -> None:
    overrides = ["training.epochs=5", "data.split.test=valid", "model.trainable=['features.12']", "training.keep=last"]
    recipe = load_recipe("pcam-cpu", source="folder:x", overrides=overrides)
    assert recipe.training.epochs == 5
    assert recipe.data.split.test == "valid"
    assert list(recipe.model.trainable) == ["features.12"]
    assert recipe.training.keep == "last"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("training.epoch=3", r"recipe demo: unknown key 'training.epoch'"),
        ("training.epochs=many", r"training.epochs = 'many': input should be a valid integer"),
        ("training.epochs=0", r"training.epochs = 0: input should be greater than or equal to 1"),
        ("epochs 3", r"--set 'epochs 3' is not of the form key=value"),
        ("seed.x=3", r"'seed' is a value, not a table"),
        ("training.warmup_epochs=99", r"leaves nothing of epochs"),
        ("training.optimizer=lion", r"training.optimizer = 'lion'"),
    ],
)
def test_a_wrong_value_is_one_line_with_the_key_and_the_value(override: str, message: str) -> None:
    with pytest.raises(RecipeError, match=message) as error:
        load_recipe("demo", overrides=[override])
    assert "\n" not in str(error.value)


def test_an_unknown_recipe_names_the_nearest() -> None:
    with pytest.raises(RecipeError, match="did you mean pcam-cpu"):
        load_recipe("pcam-cpus")
    with pytest.raises(RecipeError, match="can't be read"):
        load_recipe("nowhere/recipe.toml")


def test_a_file_that_is_not_toml_is_refused_with_the_place(tmp_path: Path) -> None:
    path = tmp_path / "recipe.toml"
    path.write_text("[data\n", encoding="utf-8")
    with pytest.raises(RecipeError, match=r"is not TOML.*line 1"):
        load_recipe(str(path))


def test_a_recipe_without_data_says_how_to_give_it() -> None:
    with pytest.raises(RecipeError, match="--data"):
        load_recipe("pcam-cpu")


def test_data_values_go_over_a_bundles_own() -> None:
    base = load_data_config("folder:a", ["data.rename={a='normal'}", "data.split.seed=7"])
    over = load_data_config("folder:b", ["data.split.test=valid"], base)
    assert (over.source, over.rename, over.split.seed, over.split.test) == ("folder:b", {"a": "normal"}, 7, "valid")
    with pytest.raises(RecipeError, match=r"only data\.\*"):
        load_data_config("folder:a", ["training.epochs=3"])
    with pytest.raises(RecipeError, match=r"unknown key 'data\.splits'"):
        load_data_config("folder:a", ["data.splits=1"])


def test_unknown_top_level_tables_are_refused() -> None:
    with pytest.raises(RecipeError, match="unknown key 'trainning'"):
        load_recipe("demo", overrides=["trainning.epochs=3"])
    assert Recipe.model_config["frozen"]
