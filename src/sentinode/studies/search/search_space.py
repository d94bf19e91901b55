"""From a search file's `[space]` and a base recipe to the recipes of the trials."""

import copy
import itertools
import json
from dataclasses import dataclass
from typing import Any

import optuna
from pydantic import ValidationError

from sentinode.core.errors import RecipeError
from sentinode.core.messages import fault, plural
from sentinode.studies.search.search_config import Choices, SearchConfig
from sentinode.training.recipe import Recipe, parse_recipe, set_value

Values = dict[str, Any]
"""Dotted recipe key → the value of it in one trial."""

_FIXED = {
    "data": "trials on other images can't be compared, and one could learn from the test images of another: use --set",
    "evaluation": "a search looks at no threshold and no target: use --set",
    "training.monitor": "it is what the trials are compared by: use --set",
    "training.devices": "a trial trains on one device; start the same search once on each device instead",
    "training.accelerator": "use --set",
    "name": "it changes nothing in a training",
    "description": "it changes nothing in a training",
}
_MOST_POINTS = 10_000  # of a grid: more is a slip in a step; no search of trainings has as many


@dataclass(frozen=True)
class Space:
    """What is varied, over which recipe."""

    search: SearchConfig
    base: Recipe

    @classmethod
    def of(cls, search: SearchConfig, base: Recipe) -> "Space":
        """The space, every key and value of it checked against the recipe's models.

        Values that are right each by itself and contradict each other in some combination are not found here: that
        trial fails with the recipe's message.

        Raises:
            RecipeError: A key that a recipe has not or that may not be searched over, a value of a wrong type, a grid
                over a range without a step.
        """
        space = cls(search, base)
        if base.training.devices > 1:
            raise RecipeError(f"training.devices = {base.training.devices}: {_FIXED['training.devices']}")
        for key, axis in search.space.items():
            for fixed, reason in _FIXED.items():
                if key == fixed or key.startswith(f"{fixed}."):
                    raise RecipeError(f"search {search.name}: {key} can't be searched over; {reason}")
            for value in axis.examples():
                space._check(key, value)
        if search.method == "grid" and len(space.points()) > _MOST_POINTS:
            raise RecipeError(
                f"search {search.name}: the grid has {plural(len(space.points()), 'point')}; take fewer values"
            )
        return space

    @property
    def keys(self) -> tuple[str, ...]:
        """The keys, in the order of the file."""
        return tuple(self.search.space)

    def points(self) -> list[Values]:
        """Every combination of a grid, the last key varying fastest.

        Raises:
            RecipeError: A range has no step.
        """
        axes = [axis.grid(key) for key, axis in self.search.space.items()]
        return [dict(zip(self.keys, values, strict=True)) for values in itertools.product(*axes)]

    def budget(self, trials: int | None) -> int:
        """How many combinations the search tries: `trials` or the file's own number; of a grid never more than it has.

        Args:
            trials: The command line's number, over the file's.
        """
        wanted = trials or self.search.trials
        if self.search.method == "grid":
            return min(wanted or len(self.points()), len(self.points()))
        assert wanted is not None  # the configuration asks for it
        return wanted

    def suggest(self, trial: optuna.Trial) -> Values:
        """The values of `trial`, as its sampler proposes them."""
        return {key: self._suggest(trial, key) for key in self.keys}

    def stored(self, key: str, value: Any) -> Any:
        """`value` as the storage keeps it: numbers, text and truth values as they are, all else as JSON."""
        del key
        return value if isinstance(value, str | int | float) else json.dumps(value)

    def values_of(self, parameters: dict[str, Any]) -> Values:
        """What a trial's stored parameters mean; keys that it had not come to are left out."""
        return {key: self._meant(key, parameters[key]) for key in self.keys if key in parameters}

    def recipe(self, values: Values, name: str) -> Recipe:
        """The base recipe with `values` in it.

        Raises:
            RecipeError: The values contradict each other, or others of the recipe.
        """
        return parse_recipe(self._with(values), name)

    def _suggest(self, trial: optuna.Trial, key: str) -> Any:
        axis = self.search.space[key]
        if isinstance(axis, Choices) or self.search.method == "grid":
            stored = [self.stored(key, value) for value in axis.grid(key)]
            return self._meant(key, trial.suggest_categorical(key, stored))
        if axis.whole:
            return trial.suggest_int(key, int(axis.low), int(axis.high), step=int(axis.step or 1), log=axis.log)
        return trial.suggest_float(key, axis.low, axis.high, step=axis.step, log=axis.log)

    def _meant(self, key: str, stored: Any) -> Any:
        axis = self.search.space[key]
        if isinstance(axis, Choices):
            return next((value for value in axis.choices if self.stored(key, value) == stored), stored)
        return stored

    def _with(self, values: Values) -> dict[str, Any]:
        whole = self.base.model_dump(mode="json")
        for key, value in values.items():
            set_value(whole, key, copy.deepcopy(value), f"search {self.search.name}")
        return whole

    def _check(self, key: str, value: Any) -> None:
        """Refuse a key that the recipe has not, and a value that is wrong whatever the other values are."""
        try:
            Recipe.model_validate(self._with({key: value}))
        except ValidationError as error:
            parts = tuple(key.split("."))
            own = [item for item in error.errors() if _is_of(item, parts)]
            if own:
                raise RecipeError(f"search {self.search.name}: {_words(own[0])}") from None


def _is_of(item: Any, key: tuple[str, ...]) -> bool:
    """Whether an error is about the key itself, and not about how its value goes with others."""
    place = tuple(str(part) for part in item["loc"])
    return place[: len(key)] == key or (item["type"] == "extra_forbidden" and place == key[: len(place)])


def _words(item: Any) -> str:
    text = fault(item)
    return f"{text}; give the range int = true" if item["type"] == "int_from_float" else text
