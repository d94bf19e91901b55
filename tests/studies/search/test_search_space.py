from collections.abc import Callable
from typing import Any

import optuna
import pytest

from sentinode.core.errors import RecipeError
from sentinode.studies.search.search_config import SearchConfig
from sentinode.studies.search.search_space import Space
from sentinode.training.recipe import Recipe

MakeRecipe = Callable[..., Recipe]


def space_of(base: Recipe, space: dict[str, Any], **changes: Any) -> Space:
    values = {"name": "mine", "recipe": "x", "method": "grid", "space": space, **changes}
    return Space.of(SearchConfig.model_validate(values), base)


@pytest.mark.parametrize(
    ("key", "axis", "message"),
    [
        ("training.epoch", [1, 2], r"search mine: unknown key 'training.epoch'; remove or correct it"),
        ("trainning.epochs", [1, 2], r"search mine: unknown key 'trainning"),
        ("training.epochs", [1, "many"], r"training.epochs = 'many': input should be a valid integer"),
        ("training.epochs", [3, 0], r"training.epochs = 0: input should be greater than or equal to 1"),
        ("training.optimizer", ["adam", "lion"], r"training.optimizer = 'lion'"),
        ("training.epochs", {"low": 1, "high": 4}, r"training.epochs = 2\.14\d+: .*; give the range int = true"),
        ("training.dropout.x", [1], r"unknown key 'training.dropout'"),
        ("seed.x", [1], r"'seed' is a value, not a table"),
        ("training.augmentation.stain", {"low": 0.5, "high": 1.0}, r"training.augmentation.stain = 1.0"),
        ("data.split.seed", [1, 2], r"data.split.seed can't be searched over; .*test images of another: use --set"),
        ("evaluation.threshold", ["f1"], r"evaluation.threshold can't be searched over"),
        ("training.monitor", ["auc", "loss"], r"training.monitor can't be searched over; .*compared by"),
        ("training.devices", [1, 2], r"training.devices can't be searched over"),
    ],
)
def test_every_key_and_value_is_checked_before_anything_runs(
    key: str, axis: Any, message: str, small_recipe: MakeRecipe
) -> None:
    with pytest.raises(RecipeError, match=message) as error:
        space_of(small_recipe(), {key: axis}, method="tpe", trials=3)
    assert "\n" not in str(error.value)


def test_values_that_only_contradict_others_wait_for_their_trial(small_recipe: MakeRecipe) -> None:
    space = space_of(small_recipe(), {"training.warmup_epochs": [0.5, 5.0], "training.epochs": [2, 10]})
    assert [point["training.epochs"] for point in space.points()] == [2, 10, 2, 10]
    assert space.recipe(space.points()[3], "x").training.warmup_epochs == 5
    with pytest.raises(RecipeError, match=r"trial 3: .*warmup_epochs = 5.0 .*epochs = 2"):
        space.recipe(space.points()[2], "of trial 3")


def test_a_base_recipe_for_several_devices_is_refused(small_recipe: MakeRecipe) -> None:
    with pytest.raises(RecipeError, match=r"training\.devices = 2"):
        space_of(small_recipe(training={"devices": 2}), {"seed": [1, 2]})


def test_a_grid_without_end_is_refused(small_recipe: MakeRecipe) -> None:
    with pytest.raises(RecipeError, match=r"the grid has 20,001 points"):
        space_of(small_recipe(), {"seed": {"low": 0, "high": 20_000, "int": True}})
    with pytest.raises(RecipeError, match="range without a step"):
        space_of(small_recipe(), {"training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True}})


def test_a_recipe_of_a_point_differs_in_its_keys_alone(small_recipe: MakeRecipe) -> None:
    base = small_recipe()
    space = space_of(base, {"model.trainable": [[], ["classifier"]], "model.arguments.width": [8, 16]})
    recipe = space.recipe(space.points()[2], "x")
    assert recipe.model.trainable == ("classifier",)
    assert recipe.model.arguments == {"width": 8}
    model = base.model.model_copy(update={"trainable": ("classifier",), "arguments": {"width": 8}})
    assert recipe == base.model_copy(update={"model": model})
    assert base.model.arguments == {}


def test_any_kind_of_value_survives_the_storage(small_recipe: MakeRecipe) -> None:
    axes = {
        "model.trainable": [[], ["classifier"]],
        "training.class_weight": ["none", [1.0, 2.0]],
        "training.augmentation.flips": [True, False],
        "training.epochs": [1, 2],
        "training.learning_rate": {"low": 1e-4, "high": 1e-2, "log": True},
        "training.batch_size": {"low": 8, "high": 32, "step": 8, "int": True},
    }
    space = space_of(small_recipe(), axes, method="tpe", trials=9)
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    for _ in range(12):
        trial = study.ask()
        values = space.suggest(trial)
        study.tell(trial, 0.0)
        assert space.values_of(study.trials[-1].params) == values
        assert list(values) == list(axes)
        assert values["training.batch_size"] in (8, 16, 24, 32)
        space.recipe(values, "x")


def test_the_budget_of_a_grid_is_never_more_than_its_points(small_recipe: MakeRecipe) -> None:
    grid = space_of(small_recipe(), {"seed": [1, 2, 3]})
    assert [grid.budget(trials) for trials in (None, 2, 50)] == [3, 2, 3]
    tpe = space_of(small_recipe(), {"seed": [1, 2, 3]}, method="tpe", trials=7)
    assert [tpe.budget(trials) for trials in (None, 2, 50)] == [7, 2, 50]
