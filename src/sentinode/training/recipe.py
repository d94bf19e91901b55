"""A recipe: the whole of a training run in one TOML file, parsed into frozen models that refuse unknown keys."""

import difflib
import operator
import tomllib
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Self, TypeVar

import tomli_w
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from sentinode.core.errors import RecipeError
from sentinode.core.messages import one_line
from sentinode.data.data_config import DataConfig
from sentinode.models.model_config import ModelConfig
from sentinode.training.training_config import EvaluationConfig, StainConfig, TrainingConfig

CROSSVAL_FOLDER = "recipes/crossval"
"""Where in the package the recipes of cross-validation lie."""

CROSSVAL_TABLES = frozenset({"features", "classifier", "crossval"})
"""Tables that only a recipe of cross-validation has."""

_Model = TypeVar("_Model", bound=BaseModel)


class Recipe(BaseModel):
    """Data, model, training and evaluation of one run, and the seed from which all of its randomness comes."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str = ""
    description: str = ""
    seed: int = Field(default=42, ge=0, lt=2**31)
    data: DataConfig
    model: ModelConfig
    stain: StainConfig = StainConfig()
    training: TrainingConfig = TrainingConfig()
    evaluation: EvaluationConfig = EvaluationConfig()

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.data.tile_size is not None:
            raise ValueError(
                f"data.tile_size = {self.data.tile_size} cuts images into tiles for frozen features, a network learns "
                "from images of one size; leave it out, and crop or pad the images"
            )
        if self.stain.normalise != "none":
            self._check_stain()
        if self.model.context:
            self._check_context()
        return self

    def _check_context(self) -> None:
        """Refuse what would see tiles without their context, or one part of them otherwise than the other."""
        augmentation = self.training.augmentation
        unlike = {
            "stain.normalise": self.stain.normalise != "none" and "is fitted to single tiles",
            "training.teacher": self.training.teacher and "sees tiles without it",
            "training.augmentation.appearance": augmentation.appearance and "is of single tiles",
        }
        for key, reason in unlike.items():
            if reason:
                value = operator.attrgetter(key)(self)
                raise ValueError(f"model.context = true, and {key} = {value!r} {reason}; leave one of them out")

    def _check_stain(self) -> None:
        """Refuse what would see images that are not normalised."""
        training = self.training
        unlike = {
            "training.teacher": training.teacher and "sees images as they are",
            "training.unlabelled": training.unlabelled and "is of no known slides",
            "training.devices": training.devices > 1 and "starts several processes, and each would normalise all",
        }
        for key, reason in unlike.items():
            if reason:
                value = getattr(training, key.removeprefix("training."))
                raise ValueError(f'{key} = {value!r} {reason}; leave it out, or set stain.normalise = "none"')

    def to_toml(self) -> str:
        """The resolved recipe, every default written out. TOML has no null: what is unset is left out."""
        return tomli_w.dumps(self.model_dump(mode="json", exclude_none=True))


def shipped_recipes() -> list[str]:
    """Names of the recipes that come with the package, sorted."""
    return shipped_files("recipes")


def shipped_files(folder: str) -> list[str]:
    """Names, without `.toml`, of the files in the package's `folder` (`recipes`, `searches`), sorted."""
    entries = (resources.files("sentinode") / folder).iterdir()
    return sorted(entry.name.removesuffix(".toml") for entry in entries if entry.name.endswith(".toml"))


def load_recipe(name: str, *, source: str | None = None, overrides: Sequence[str] = ()) -> Recipe:
    """Read a recipe and lay the command line's values over it.

    Args:
        name: A shipped name (`pcam-cpu`) or the path of a TOML file.
        source: The data's address; takes the place of the recipe's `data.source`.
        overrides: `key.path=value`, the value as in TOML; what is not TOML is taken as text.

    Raises:
        RecipeError: No such recipe, not TOML, an unknown key, a wrong type or values that contradict each other.
    """
    if name in shipped_files(CROSSVAL_FOLDER):
        raise RecipeError(f"{name} is a recipe of cross-validation; use it with `sentinode crossval {name}`")
    return parse_recipe(overlaid(read_toml(name), name, source=source, overrides=overrides), name)


def overlaid(
    values: dict[str, Any], name: str, *, source: str | None = None, overrides: Sequence[str] = ()
) -> dict[str, Any]:
    """A recipe's `values` with the command line's over them; arguments as for `load_recipe`.

    Raises:
        RecipeError: A value that can't be set, or no data.
    """
    set_overrides(values, overrides)
    data = values.setdefault("data", {})
    if not isinstance(data, dict):
        raise RecipeError(f"recipe {name}: data = {data!r} is not a table; write the address as data.source")
    if source is not None:
        data["source"] = source
    if not data.get("source"):
        raise RecipeError(f"recipe {name} names no data; give it with --data, for example --data folder:DIR")
    return values


def load_data_config(source: str, overrides: Sequence[str] = (), base: DataConfig | None = None) -> DataConfig:
    """The `[data]` of a command that has no recipe: `source`, over `base`, under the command line's values.

    Args:
        source: The data's address.
        overrides: `data.key=value`, as for `load_recipe`.
        base: What a bundle's own recipe said; None: the defaults.

    Raises:
        RecipeError: An unknown key, one outside `data`, or a wrong type.
    """
    values: dict[str, Any] = {"data": base.model_dump(mode="json") if base else {}}
    values["data"]["source"] = source
    for override in overrides:
        if not override.startswith("data."):
            raise RecipeError(f"--set {override!r}: only data.* can be set here, for example data.split.test=valid")
        set_overrides(values, (override,))
    try:
        return DataConfig.model_validate(values["data"])
    except ValidationError as error:
        raise RecipeError(one_line(error, "data")) from None


def parse_recipe(values: dict[str, Any], name: str) -> Recipe:
    """Check `values` against the recipe's models; `name` is for messages.

    Raises:
        RecipeError: One line with every key at fault, its value and what was expected.
    """
    if strange := CROSSVAL_TABLES & set(values):
        raise RecipeError(
            f"recipe {name} has [{min(strange)}], which is of cross-validation; use it with `sentinode crossval {name}`"
        )
    return checked(Recipe, values, name)


def checked(model: type[_Model], values: dict[str, Any], name: str) -> _Model:
    """`values` as a recipe of the kind `model`; `name` is for messages.

    Raises:
        RecipeError: One line with every key at fault, its value and what was expected.
    """
    try:
        return model.model_validate(values)
    except ValidationError as error:
        raise RecipeError(f"recipe {name}: {one_line(error)}") from None


def read_toml(name: str, *, folder: str = "recipes", noun: str = "recipe") -> dict[str, Any]:
    """The values of a file that comes with the package, or of the user's own.

    Args:
        name: A shipped name (`pcam-cpu`) or the path of a TOML file.
        folder: Where in the package the shipped ones lie.
        noun: What such a file is called in messages.

    Raises:
        RecipeError: There is no such file, or it is not TOML.
    """
    path = Path(name)
    if path.suffix != ".toml" and "/" not in name:
        known = shipped_files(folder)
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}?" if near else f"shipped are {', '.join(known)};"
            raise RecipeError(f"there is no {noun} {name!r}; {hint} or give the path of a .toml file")
        text = (resources.files("sentinode") / folder / f"{name}.toml").read_text(encoding="utf-8")
    else:
        try:
            text = path.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise RecipeError(f"{noun} {path} can't be read ({error}); check the path") from error
    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RecipeError(f"{noun} {name} is not TOML: {error}; mend that line") from error


def set_overrides(values: dict[str, Any], overrides: Sequence[str]) -> None:
    """Lay `key.path=value`, as for `load_recipe`, over a recipe's nested tables.

    Raises:
        RecipeError: One is not of that form, or a part of its key before the last is a value.
    """
    for override in overrides:
        _set(values, override)


def _set(values: dict[str, Any], override: str) -> None:
    key, equals, text = override.partition("=")
    if not equals or not key.strip():
        raise RecipeError(f"--set {override!r} is not of the form key=value, for example training.epochs=3")
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except tomllib.TOMLDecodeError:
        value = text
    set_value(values, key.strip(), value, f"--set {override!r}")


def set_value(values: dict[str, Any], key: str, value: Any, place: str) -> None:
    """Put `value` at the dotted `key` into nested tables; `place` is where the key stands, for the message.

    Raises:
        RecipeError: A part of the key before its last is a value, not a table.
    """
    *parents, leaf = key.split(".")
    table = values
    for parent in parents:
        table = table.setdefault(parent, {})
        if not isinstance(table, dict):
            raise RecipeError(f"{place}: {parent!r} is a value, not a table, so nothing can be set in it")
    table[leaf] = value
