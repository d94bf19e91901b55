import itertools
from pathlib import Path
from typing import Any

import pytest
import tomli_w
from hypothesis import given
from hypothesis import strategies as st

from sentinode.core.errors import RecipeError
from sentinode.studies.search.search_config import Choices, Range, load_search
from sentinode.studies.search.search_space import Space
from sentinode.training.recipe import load_recipe, shipped_files

RATE = {"low": 1e-5, "high": 1e-2, "log": True}


def written(folder: Path, **changes: Any) -> Path:
    values = {"name": "mine", "recipe": "demo", "trials": 5, "space": {"training.learning_rate": RATE}, **changes}
    path = folder / "mine.toml"
    path.write_text(tomli_w.dumps({key: value for key, value in values.items() if value is not None}), encoding="utf-8")
    return path


def test_shipped_searches_fit_their_recipes() -> None:
    assert shipped_files("searches") == ["demo-search", "kaggle-grid"]
    for name in shipped_files("searches"):
        search = load_search(name)
        assert search.name == name
        base = load_recipe(search.recipe, source="folder:x", overrides=search.overrides)
        Space.of(search, base)


def test_the_third_systems_grid_has_both_networks() -> None:
    search = load_search("kaggle-grid")
    space = Space.of(search, load_recipe(search.recipe, source="kaggle:x"))
    assert len(space.points()) == 2 * 3 * 3
    other = load_recipe("kaggle-resnet34", source="kaggle:x")
    recipe = space.recipe({"model.architecture": "resnet34"}, "x")
    assert recipe.model_copy(update={"name": other.name, "description": other.description}) == other


def test_dotted_keys_are_read_quoted_and_unquoted(tmp_path: Path) -> None:
    quoted = load_search(str(written(tmp_path)))
    nested = load_search(str(written(tmp_path, space={"training": {"learning_rate": RATE, "epochs": [1, 2]}})))
    assert quoted.space == {"training.learning_rate": Range(low=1e-5, high=1e-2, log=True)}
    assert nested.space == {**quoted.space, "training.epochs": Choices(choices=(1, 2))}


def test_the_recipes_path_is_taken_from_the_files_own_folder(tmp_path: Path) -> None:
    assert load_search(str(written(tmp_path, recipe="base.toml"))).recipe == str(tmp_path / "base.toml")
    assert load_search(str(written(tmp_path, recipe="/x/base.toml"))).recipe == "/x/base.toml"
    assert load_search(str(written(tmp_path))).recipe == "demo"


def test_fixed_values_are_laid_over_the_recipe(tmp_path: Path) -> None:
    fixed = {
        "training": {"epochs": 3, "augmentation.stain": 0.3},
        "model.pooling": ["mean", "max"],
        "data.source": "csv:a b",
    }
    search = load_search(str(written(tmp_path, fixed=fixed)))
    base = load_recipe("demo", overrides=[*search.overrides, "training.epochs=4"])
    assert (base.training.epochs, base.training.augmentation.stain, base.model.pooling) == (4, 0.3, ("mean", "max"))
    assert base.data.source == "csv:a b"


def test_tpe_prunes_and_a_grid_does_not_unless_told(tmp_path: Path) -> None:
    grid = {"method": "grid", "space": {"seed": [1, 2]}}
    assert load_search(str(written(tmp_path))).prunes
    assert not load_search(str(written(tmp_path, pruning="none"))).prunes
    assert not load_search(str(written(tmp_path, **grid))).prunes
    assert load_search(str(written(tmp_path, **grid, pruning="median"))).prunes


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"trails": 3}, r"search file \S+: unknown key 'trails'; remove or correct it"),
        ({"method": "random"}, r"method = 'random': input should be 'grid' or 'tpe'"),
        ({"trials": None}, r"trials is missing; say how many combinations tpe should try"),
        ({"space": {}}, r"\[space\] is empty"),
        ({"space": {"seed": []}}, r"space.seed.choices = \[\]: "),
        ({"space": {"seed": [1, 1]}}, r"a value is listed twice"),
        ({"space": {"seed": 3}}, r"seed = 3 is one value; give a list of values or"),
        ({"space": {"x": {"low": 2, "high": 1}}}, r"space.x: low = 2 is not below high = 1"),
        ({"space": {"x": {"low": 0, "high": 1, "log": True}}}, r"log = true needs low above 0, and it is 0"),
        ({"space": {"x": {"low": 1, "high": 2, "log": True, "step": 1}}}, r"log and step exclude each other"),
        ({"space": {"x": {"low": 0.5, "high": 2, "int": True}}}, r"int = true needs whole numbers"),
        ({"space": {"x": {"low": 1, "hihg": 2, "high": 3}}}, r"unknown key 'space.x.hihg'"),
        ({"space": {"x": {"low": 1}}}, r"'space.x.high' is missing; add it"),
        ({"space": {"x": {"lo": 1, "hi": 2}}}, r"x.lo = 1 is one value"),
        ({"space": {"x": {"low": 1, "high": "many"}}}, r"space.x.high = 'many'"),
        ({"space": {"x": {"low": 1, "high": float("inf")}}}, r"space.x.high = inf"),
        ({"seed": -1}, r"seed = -1"),
    ],
)
def test_a_wrong_file_is_one_line_with_the_key_and_the_value(
    changes: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(RecipeError, match=message) as error:
        load_search(str(written(tmp_path, **changes)))
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there_names_what_is() -> None:
    with pytest.raises(RecipeError, match="'kaggle-girds'; did you mean kaggle-grid"):
        load_search("kaggle-girds")
    with pytest.raises(RecipeError, match=r"nowhere\.toml"):
        load_search("nowhere.toml")


@given(st.integers(-1000, 1000), st.integers(1, 400), st.sampled_from([0.1, 0.05, 0.25, 1.0, 3.0]))
def test_a_stepped_range_holds_both_its_ends_and_even_steps(low: int, steps: int, step: float) -> None:
    values = Range(low=low, high=low + steps * step, step=step).grid("x")
    assert len(values) == steps + 1
    assert values[0] == low
    assert values[-1] == pytest.approx(low + steps * step, abs=1e-9)
    assert all(b - a == pytest.approx(step) for a, b in itertools.pairwise(values))
    assert len({f"{value:.6f}" for value in values}) == len(values)


def test_a_range_of_whole_numbers_is_a_grid_of_each() -> None:
    values = Range.model_validate({"low": 2, "high": 5, "int": True}).grid("x")
    assert values == (2, 3, 4, 5)
    assert all(isinstance(value, int) for value in values)
    with pytest.raises(RecipeError, match=r"x is .*step"):
        Range(low=1, high=2).grid("x")
