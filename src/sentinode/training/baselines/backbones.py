"""Which frozen network a word on the command line means, and whether it has learned from the images at hand."""

from pathlib import Path

from sentinode.core.errors import LeakError
from sentinode.data.manifest import Manifest
from sentinode.models.bundle import Bundle, open_bundle, shipped_bundles
from sentinode.models.config import ModelConfig
from sentinode.models.info import INFO_FILE
from sentinode.training.features.config import FeaturesConfig

DESCRIPTOR_WORDS = {"pixels": "pixels", "colour": "colour and stain", "texture": "texture"}
"""Kinds of features that need no network, and what they are called."""


def features_of(name: str, weights: str) -> FeaturesConfig:
    """A descriptor (pixels, colour, texture), a bundle (a folder or a shipped name), or an architecture.

    Args:
        name: What the user wrote.
        weights: For an architecture, as for `model.weights` of a recipe.
    """
    if name in DESCRIPTOR_WORDS:
        return FeaturesConfig.model_validate({"kind": name})
    if name in shipped_bundles() or "/" in name or (Path(name) / INFO_FILE).is_file():
        return FeaturesConfig(bundle=name)
    return FeaturesConfig(model=ModelConfig(architecture=name, weights=weights))


def learned_from(bundle: Bundle, manifest: Manifest) -> int:
    """How many of a data set's images, of any role, a bundle has learned from."""
    seen = {f"{value:016x}" for values in bundle.seen().values() for value in values.tolist()}
    return int(manifest.table["pixels"].isin(seen).sum())


def check_new_to(config: FeaturesConfig, manifest: Manifest, option: str) -> None:
    """Refuse a backbone that has learned from images of the data set, of any role.

    Features of images that a network was trained on are better than those of new ones: fitted on them, a classifier
    learns to trust what new images do not have, and figures on them flatter it.

    Raises:
        LeakError: It has.
        BundleError: There is no such bundle.
    """
    if not config.bundle:
        return
    known = learned_from(open_bundle(config.bundle), manifest)
    if known:
        raise LeakError(
            f"{config.bundle} has learned from {known:,} of the {len(manifest.table):,} images, so its features of them"
            f" are not what it gives for new ones; name another backbone with {option}, or other data"
        )
