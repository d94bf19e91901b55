"""Which features a word on the command line means, and of which data."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ConfigDict

from sentinode.core.errors import RecipeError
from sentinode.data.data_config import DataConfig
from sentinode.models.backbones import backbone_model
from sentinode.models.bundle import is_bundle
from sentinode.models.bundle_info import INFO_FILE
from sentinode.models.model_config import BUNDLE_PREFIX
from sentinode.models.pretrained_bundle import is_pretrained_bundle, open_pretrained_bundle
from sentinode.training.features.feature_config import FeaturesConfig, Kind
from sentinode.training.recipe import checked, overlaid

# A network of random weights is hardly ever meant.
_USUAL_WEIGHTS = "imagenet"


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


def load_network_features(name: str, overrides: Sequence[str] = ()) -> FeaturesConfig:
    """The frozen network that a word and the command line's values stand for, where the tiles come from slides.

    Args:
        name: A bundle or an architecture, see `named_features`.
        overrides: `features.model.key=value`.

    Raises:
        RecipeError: There is nothing of that name, an unknown key, a wrong type, or it is a descriptor of images.
    """
    for override in overrides:
        if not override.startswith("features."):
            raise RecipeError(
                f"--set {override!r}: only features.* can be set for slides; see sentinode features --help"
            )
    # A recipe has to name data; of slides there are no labelled images.
    config = load_features_recipe(name, source="slides", overrides=overrides).features
    if config.kind != "network":
        raise RecipeError(f"{name} describes labelled images (--data); name a bundle or an architecture for slides")
    if config.pool != ("mean",):
        raise RecipeError(f"features.pool = {list(config.pool)} is of an image's tiles; those of a slide stay apart")
    return config


def named_features(name: str) -> dict[str, Any]:
    """The `[features]` table that a word stands for, before anything is laid over it.

    Args:
        name: A bundle (folder or shipped name), a pretrained one, a descriptor (`pixels`, `colour`, `texture`), a
            backbone of `models.backbones` with all that its authors want, or else an architecture with its ImageNet
            weights.

    Raises:
        RecipeError: A folder that is no bundle, or a backbone whose licence restricts use.
    """
    if is_bundle(name):
        return {"kind": "network", "bundle": name}
    if is_pretrained_bundle(name):
        model = open_pretrained_bundle(name).info.model.model_dump(
            mode="json", exclude_none=True, exclude={"trainable"}
        )
        return {"kind": "network", "model": {**model, "weights": f"{BUNDLE_PREFIX}{name}"}}
    if name in get_args(Kind) and name != "network":
        return {"kind": name}
    if "/" in name or Path(name).is_dir():
        raise RecipeError(
            f"{name} is no bundle (it has no {INFO_FILE}); give a bundle's folder, the name of an architecture, or "
            "pixels, colour or texture"
        )
    return {"kind": "network", "model": backbone_model(name) or {"architecture": name, "weights": _USUAL_WEIGHTS}}
