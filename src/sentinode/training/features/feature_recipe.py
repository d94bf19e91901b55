"""Which features a word on the command line means, and of which data."""

import copy
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict

from sentinode.core.errors import RecipeError
from sentinode.data.data_config import DataConfig
from sentinode.models.bundle import is_bundle
from sentinode.models.bundle_info import INFO_FILE
from sentinode.training.features.feature_config import FeaturesConfig, Kind
from sentinode.training.recipe import checked, overlaid

# A network of random weights is hardly ever meant.
_USUAL_WEIGHTS = "imagenet"
# Frozen, SqueezeNet's maps from the middle tell tissue apart better than its last, which knows ImageNet's objects:
# logistic regression on 17,000 PCam patches reached AUC 0.907 with these and 0.868 with the last (docs/features.md).
_FROZEN: dict[str, dict[str, Any]] = {"squeezenet1_1": {"arguments": {"taps": [4, 7, 9]}}}


class FeaturesRecipe(BaseModel):
    """Images, and what they are turned into."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    data: DataConfig
    features: FeaturesConfig


def load_features_recipe(name: str, *, source: str, overrides: Sequence[str] = ()) -> FeaturesRecipe:
    """The recipe that a word and the command line's values stand for.

    Args:
        name: See `named_features`.
        source: The data's address.
        overrides: `features.model.key=value` and `data.key=value`.

    Raises:
        RecipeError: There is nothing of that name, an unknown key or a wrong type.
    """
    values = {"features": named_features(name)}
    return checked(FeaturesRecipe, overlaid(values, name, source=source, overrides=overrides), f"features {name}")


def named_features(name: str) -> dict[str, Any]:
    """The `[features]` table that a word stands for, before anything is laid over it.

    Args:
        name: A bundle (folder or shipped name), a descriptor (`pixels`, `colour`, `texture`), or else an architecture,
            with its ImageNet weights and the arguments that suit a frozen network.

    Raises:
        RecipeError: A folder that is no bundle.
    """
    if is_bundle(name):
        return {"kind": "network", "bundle": name}
    if name in get_args(Kind) and name != "network":
        return {"kind": name}
    if "/" in name or Path(name).is_dir():
        raise RecipeError(
            f"{name} is no bundle (it has no {INFO_FILE}); give a bundle's folder, the name of an architecture, or "
            "pixels, colour or texture"
        )
    return {
        "kind": "network",
        "model": {"architecture": name, "weights": _USUAL_WEIGHTS, **copy.deepcopy(_FROZEN.get(name, {}))},
    }
