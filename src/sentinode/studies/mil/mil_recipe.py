"""A comparison of methods on slides with a label only, in one TOML file."""

from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, Self

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from sentinode.core.errors import RecipeError
from sentinode.core.files import sha256_of_json
from sentinode.core.messages import one_line
from sentinode.data.slide_labels import ItcRule, Task
from sentinode.models.mil.aggregator_config import METHODS, Method
from sentinode.training.mil.mil_config import MilConfig
from sentinode.training.recipe import checked, read_toml, set_overrides, set_value
from sentinode.training.training_config import EvaluationConfig

REFERENCE: Method = "mean"
"""The method that every other one is held against."""

DEFAULT: Method = "abmil"
"""The method that is held against every other one, too."""

_CONFIG = ConfigDict(frozen=True, extra="forbid")


class LabelsConfig(BaseModel):
    """What the labels mean."""

    model_config = _CONFIG

    task: Task = "detection"
    """`detection`: tumour or none. `stage`: negative, ITC, micro, macro, in this order."""
    itc: ItcRule | None = None
    """What isolated tumour cells count as in detection: `positive`, `negative` or `exclude`. Has to be said where the
    table has such slides."""
    by: str | None = None
    """A column of the table that figures are also told apart by, such as the size of the largest lesion."""
    edges: tuple[float, ...] = ()
    """Where numbers of that column are parted, ascending; empty: at the thirds of the training slides with tumour."""
    encoder: str = ""
    """The network that made the features, for files of other programs that don't say it."""


class MilCrossvalConfig(BaseModel):
    """What is compared, and how."""

    model_config = _CONFIG

    methods: tuple[Method, ...] = Field(default=METHODS, min_length=1)
    """The methods, side by side on the same folds and seeds."""
    folds: int = Field(default=5, ge=2)
    """Outer folds, stratified by class and by patient."""
    repeats: int = Field(default=2, ge=1)
    """Times that the slides are dealt anew, with another seed for every fit."""
    grid: dict[str, tuple[Any, ...]] = {}
    """Keys of `[mil]` and the values to try; every combination is fitted in every fold, and chosen inside it."""
    permutations: int = Field(default=400, ge=0)
    """Times that the labels are shuffled against the finished scores; 0: no test."""
    explained: int = Field(default=100, ge=0)
    """Tumour slides, at most, whose attention is tested."""

    @field_validator("methods")
    @classmethod
    def _are_different(cls, methods: tuple[Method, ...]) -> tuple[Method, ...]:
        if len(set(methods)) < len(methods):
            raise ValueError(f"{', '.join(methods)} names a method twice")
        return tuple(method for method in METHODS if method in methods)


class MilRecipe(BaseModel):
    """Labels, fitting and comparison, and the seed from which all of their randomness comes."""

    model_config = _CONFIG

    name: str = ""
    description: str = ""
    seed: int = Field(default=42, ge=0, lt=2**31)
    labels: LabelsConfig = LabelsConfig()
    mil: MilConfig = MilConfig()
    crossval: MilCrossvalConfig = MilCrossvalConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if "method" in self.mil.model_fields_set:
            raise ValueError(f"mil.method = {self.mil.method!r}: methods are compared here; set crossval.methods")
        if not self.mil.validation:
            raise ValueError("mil.validation = 0: the choice is made on these slides; give a share above 0")
        if unknown := sorted(set(self.crossval.grid) - (set(MilConfig.model_fields) - {"method", "validation"})):
            raise ValueError(f"crossval.grid has {unknown[0]!r}, which is no key of [mil] that can be tried")
        return self

    def variants(self, method: Method) -> list[MilConfig]:
        """A configuration for each combination of the grid.

        Raises:
            RecipeError: The grid has a value that its key can't take.
        """
        names = list(self.crossval.grid)
        combinations = [dict(zip(names, values, strict=True)) for values in product(*self.crossval.grid.values())]
        try:
            return [MilConfig(**{**self.mil.model_dump(), "method": method, **chosen}) for chosen in combinations]
        except ValidationError as error:
            raise RecipeError(f"crossval.grid: {one_line(error)}") from None

    def dumped(self) -> dict[str, Any]:
        """The resolved recipe as plain values; what is unset is left out."""
        return self.model_dump(mode="json", exclude_none=True, exclude={"mil": {"method"}})

    def to_toml(self) -> str:
        """The resolved recipe, every default written out."""
        return tomli_w.dumps(self.dumped())

    @property
    def sha256(self) -> str:
        """Of the resolved recipe."""
        return sha256_of_json(self.dumped())


def load_mil_recipe(
    name: str | None, overrides: Sequence[str] = (), values: Mapping[str, Any] | None = None
) -> MilRecipe:
    """Read a recipe and lay the command line's values over it.

    Args:
        name: The path of a TOML file; None: the defaults.
        overrides: `key.path=value`, the value as in TOML.
        values: Dotted key → value, over the recipe's and under the overrides; None is no value.

    Raises:
        RecipeError: No such file, not TOML, an unknown key, a wrong type or values that contradict each other.
    """
    tables = read_toml(name) if name else {}
    for key, value in (values or {}).items():
        if value is not None:
            set_value(tables, key, value, key)
    set_overrides(tables, overrides)
    recipe = checked(MilRecipe, tables, name or "of the command line")
    for method in recipe.crossval.methods:
        recipe.variants(method)
    return recipe
