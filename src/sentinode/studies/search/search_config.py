"""A search file: which recipe, which of its keys to vary over what, and how."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Discriminator, Field, Tag, ValidationError, field_validator, model_validator

from sentinode.core.errors import RecipeError
from sentinode.core.messages import fault
from sentinode.training.recipe import read_toml

_FROZEN = ConfigDict(frozen=True, extra="forbid")
_RANGE_KEYS = {"low", "high", "log", "step", "int", "choices"}

SearchMethod = Literal["grid", "tpe"]


class Choices(BaseModel):
    """Values to choose from, as a list or as `{choices = [...]}`. They may be anything that the key takes."""

    model_config = _FROZEN

    choices: tuple[Any, ...] = Field(min_length=1)

    @field_validator("choices")
    @classmethod
    def _differ(cls, choices: tuple[Any, ...]) -> tuple[Any, ...]:
        if len({repr(choice) for choice in choices}) < len(choices):
            raise ValueError("a value is listed twice; list each once")
        return choices

    def grid(self, _key: str) -> tuple[Any, ...]:
        """The values, in the order of the file."""
        return self.choices

    def examples(self) -> tuple[Any, ...]:
        """Values that must all be right for the key to be."""
        return self.choices


class Range(BaseModel):
    """Numbers between two ends, both of them included: `{low = 1e-5, high = 1e-2, log = true}`."""

    model_config = _FROZEN

    low: float = Field(allow_inf_nan=False)
    high: float = Field(allow_inf_nan=False)
    log: bool = False
    """Evenly on a logarithmic scale."""
    step: float | None = Field(default=None, gt=0)
    """Distance of the values from each other; None: any number, of whole numbers each one."""
    whole: bool = Field(default=False, alias="int")
    """Whole numbers only; written `int = true`."""

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if self.low >= self.high:
            raise ValueError(f"low = {self.low:g} is not below high = {self.high:g}")
        if self.log and self.low <= 0:
            raise ValueError(f"log = true needs low above 0, and it is {self.low:g}")
        if self.log and self.step is not None:
            raise ValueError("log and step exclude each other; give a list of values for steps on a logarithmic scale")
        if self.whole and any(value != round(value) for value in (self.low, self.high, self.step or 1)):
            raise ValueError("int = true needs whole numbers as low, high and step")
        return self

    def grid(self, key: str) -> tuple[Any, ...]:
        """Every value of the range.

        Raises:
            RecipeError: There are endlessly many.
        """
        step = self.step or (1 if self.whole else None)
        if step is None or self.log:
            raise RecipeError(
                f"space: {key} is a range without a step, and a grid needs its values: give step or a list"
            )
        # A thousandth of a step allows for 0.1 + 0.2; twelve digits take the same error out of the values.
        count = int((self.high - self.low) / step + 1e-3) + 1
        values = [round(self.low + place * step, 12) for place in range(count)]
        return tuple(int(value) for value in values) if self.whole else tuple(values)

    def examples(self) -> tuple[Any, ...]:
        """Values that must all be right for the key to be: the ends, and one between that is not round by chance."""
        if self.whole:
            return int(self.low), int(self.high)
        between = self.low + (self.step or 0.381966 * (self.high - self.low))
        return self.low, between, self.high


def _kind(axis: Any) -> str:
    """Which of the two an entry of `[space]` is, so that an error speaks of that one alone."""
    return "choices" if isinstance(axis, Choices) or (isinstance(axis, Mapping) and "choices" in axis) else "range"


Axis = Annotated[Annotated[Choices, Tag("choices")] | Annotated[Range, Tag("range")], Discriminator(_kind)]
"""What one key is varied over."""


class SearchConfig(BaseModel):
    """The whole of a search file."""

    model_config = _FROZEN

    name: str = Field(min_length=1)
    """What the search is called; several machines that share one storage work on the search of this name."""
    description: str = ""
    recipe: str
    """A shipped recipe's name, or the path of one from the search file's own folder."""
    method: SearchMethod = "tpe"
    """`grid`: every combination of the listed values, in order. `tpe`: a tree-structured Parzen estimator (Bergstra et
    al. 2011), which proposes values where the best ones of the trials so far are dense."""
    trials: int | None = Field(default=None, ge=1)
    """How many combinations to try at most; of a grid by default all."""
    seed: int = Field(default=42, ge=0, lt=2**31)
    """Seed of what TPE proposes. The trials themselves are trained from the recipe's seed."""
    startup_trials: int = Field(default=8, ge=1)
    """TPE proposes at random until so many trials have ended."""
    pruning: Literal["median", "none"] | None = None
    """`median`: a trial ends early when after an epoch its best figure so far is worse than the median of the others'
    at that epoch (Golovin et al. 2017). By default `median` for `tpe`, `none` for `grid`, whose every point is wanted.
    """
    pruning_after_trials: int = Field(default=4, ge=1)
    """Trials that must have come to their end before one is pruned."""
    pruning_after_epochs: int = Field(default=1, ge=0)
    """Epochs of every trial in which it is not pruned."""
    fixed: dict[str, Any] = {}
    """Dotted recipe key → a value that every trial has, over the recipe's and under the command line's `--set`."""
    space: dict[str, Axis]
    """Dotted recipe key → what it is varied over."""

    @field_validator("fixed", mode="before")
    @classmethod
    def _flat_values(cls, fixed: Any) -> Any:
        return _leaves(fixed) if isinstance(fixed, Mapping) else fixed

    @field_validator("space", mode="before")
    @classmethod
    def _flat(cls, space: Any) -> Any:
        return _flatten(space) if isinstance(space, Mapping) else space

    @model_validator(mode="after")
    def _agree(self) -> Self:
        if not self.space:
            raise ValueError('[space] is empty; name a recipe\'s key, as in "training.learning_rate" = [1e-4, 1e-3]')
        if self.method == "tpe" and self.trials is None:
            raise ValueError("trials is missing; say how many combinations tpe should try")
        return self

    @property
    def overrides(self) -> list[str]:
        """The fixed values in the form that `--set` takes."""
        return [
            f"{key}={tomli_w.dumps({'value': value}).partition('=')[2].strip()}" for key, value in self.fixed.items()
        ]

    @property
    def prunes(self) -> bool:
        """Whether trials that do worse than the median are ended early."""
        return (self.pruning or ("median" if self.method == "tpe" else "none")) == "median"


def load_search(name: str) -> SearchConfig:
    """Read a search file; the recipe that it names is left unread.

    Args:
        name: A shipped name (`kaggle-grid`) or the path of a TOML file.

    Raises:
        RecipeError: No such file, not TOML, an unknown key, a wrong type, or values that contradict each other.
    """
    values = read_toml(name, folder="searches", noun="search file")
    try:
        search = SearchConfig.model_validate(values)
    except ValidationError as error:
        lines = [fault(_without_kind(item)) for item in error.errors()]
        raise RecipeError(f"search file {name}: " + "; ".join(lines)) from None
    if search.recipe.endswith(".toml") and name.endswith(".toml"):
        beside = Path(name).parent / search.recipe  # an absolute path stays itself
        return search.model_copy(update={"recipe": str(beside)})
    return search


def _flatten(table: Mapping[str, Any], *above: str) -> dict[str, Any]:
    """`{training: {epochs: [1, 2]}}`, as TOML reads `training.epochs = [1, 2]`, with dotted keys and one form."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        dotted = ".".join((*above, key))
        if isinstance(value, list):
            flat[dotted] = {"choices": value}
        elif isinstance(value, Choices | Range) or (isinstance(value, Mapping) and _RANGE_KEYS & set(value)):
            flat[dotted] = value
        elif isinstance(value, Mapping):
            flat |= _flatten(value, *above, key)
        else:
            # A ValueError, which pydantic takes up, whatever the type.
            message = f"{dotted} = {value!r} is one value; give a list of values or {{low = …, high = …}}"
            raise ValueError(message)
    return flat


def _leaves(table: Mapping[str, Any], *above: str) -> dict[str, Any]:
    """Nested tables of values with dotted keys."""
    flat: dict[str, Any] = {}
    for key, value in table.items():
        if isinstance(value, Mapping):
            flat |= _leaves(value, *above, key)
        else:
            flat[".".join((*above, key))] = value
    return flat


def _without_kind(item: Any) -> Any:
    """An error of pydantic's, its place without the kind of axis after the key: nobody wrote that word."""
    place = item["loc"]
    return {**item, "loc": place[:2] + place[3:]} if place[:1] == ("space",) else item
