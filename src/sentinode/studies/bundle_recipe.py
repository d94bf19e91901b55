"""What a bundle remembers of its recipe for measuring it again: how it shares data out, and what it should reach."""

from typing import Any

import tomli_w
from pydantic import BaseModel, ConfigDict, ValidationError

from sentinode.core.errors import BundleError
from sentinode.core.messages import one_line
from sentinode.data.data_config import DataConfig
from sentinode.models.bundle import Bundle
from sentinode.training.training_config import EvaluationConfig


class BundleRecipe(BaseModel):
    """What every recipe has, whatever it trains.

    The rest of a recipe says how a model came about. It is kept for the record and not read again, so a bundle outlives
    the keys of the version that made it.
    """

    model_config = ConfigDict(frozen=True, extra="ignore")

    seed: int = 42
    data: DataConfig
    evaluation: EvaluationConfig = EvaluationConfig()


def recipe_of(bundle: Bundle) -> BundleRecipe:
    """The recipe in a bundle's provenance.

    Raises:
        BundleError: It has keys that this version does not know: another one made it.
    """
    try:
        return BundleRecipe.model_validate(bundle.info.provenance.recipe)
    except ValidationError as error:
        raise BundleError(
            f"bundle {bundle.name} was made by a recipe that this version can't use ({one_line(error)}); "
            " use the version that made it, or train it again"
        ) from error


def recipe_text(bundle: Bundle) -> str:
    """The whole recipe that a bundle was made by, as TOML."""
    return tomli_w.dumps(_without_null(bundle.info.provenance.recipe))


def _without_null(value: Any) -> Any:
    """`value` without the keys that are null, which TOML does not have."""
    if isinstance(value, dict):
        return {key: _without_null(item) for key, item in value.items() if item is not None}
    return [_without_null(item) for item in value] if isinstance(value, list) else value
