"""Images that several bundles may be fitted to together: none of them has learned from one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError, LeakError
from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset
from sentinode.data.selection import without
from sentinode.metrics.crossval.summary import OUT_OF_FOLD
from sentinode.models.bundle import Bundle
from sentinode.studies.bundle_recipe import BundleRecipe, recipe_of
from sentinode.studies.measured_split import load_split
from sentinode.training.recipe import load_data_config

_VALIDATION = "validation"  # in seen.npz: images that thresholds were chosen on, which no weights were fitted to


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Answers to images by those members that had not learned from them, as a cross-validation has them."""

    data: Dataset
    """Every such image is in the split `validation`; there may be others."""

    logits: NDArray[np.float32]
    """(n, classes) for `data.images("validation")`, each member's divided by its temperature."""

    data_sha256: str = ""
    """`hash` of the data set's own manifest, before its images were given these splits; empty: that of `data`."""


@dataclass(frozen=True, eq=False)
class HeldOut:
    """What temperature, threshold and band are fitted to."""

    data: Dataset
    """The data set whose `validation` images are held out."""

    recipe: BundleRecipe
    """The first member's, over the data that was named."""

    data_sha256: str
    split_sha256: str

    logits: NDArray[np.float32] | None = None
    """(n, classes), where there are answers already."""

    @property
    def split(self) -> str:
        """What a bundle calls these images."""
        return "validation" if self.logits is None else OUT_OF_FOLD


def held_out(
    bundles: Sequence[Bundle], address: str, overrides: Sequence[str], settings: Settings, progress: Progress
) -> HeldOut:
    """The validation images of the first bundle's own split, less those that another one has trained on.

    Raises:
        LeakError: There are such images, and `data.on_leak` is "error".
        DataError: None is left, or the data is not what it must be, see `load_split`.
    """
    measured = load_split(bundles[0], address, "validation", overrides, settings, progress)
    data, split = measured.data, measured.split
    recipe = recipe_of(bundles[0])
    config = load_data_config(address, overrides, recipe.data)
    manifest = data.manifest
    known = {bundle.name: _trained_on(bundle, data) for bundle in bundles}
    if any(known.values()) and config.on_leak == "error":
        name = max(known, key=lambda each: len(known[each]))
        raise LeakError(
            f"{name} has trained on {len(known[name]):,} of the "
            f"{plural(len(manifest.rows(split)), 'validation image')} of "
            f"{bundles[0].name}, and is too sure of them to fit a threshold to; leave them out with "
            "--set data.on_leak=drop, or average models that were trained with one split"
        )
    for name, pixels in known.items():
        data = without(data, pixels, f"leak: {name} has trained on it")
    left = set(np.unique(data.manifest.labels(split)))
    if missing := [name for place, name in enumerate(manifest.class_names) if place not in left]:
        raise DataError(
            f"without the images that a member has trained on, no validation image of {missing[0]} is left; average "
            "models that were trained with one split, or make the ensemble with sentinode crossval"
        )
    return HeldOut(data, recipe.model_copy(update={"data": config}), manifest.hash, manifest.split_hash)


def of_folds(bundles: Sequence[Bundle], answers: OutOfFold) -> HeldOut:
    """What a cross-validation has held out."""
    manifest = answers.data.manifest
    digest = answers.data_sha256 or manifest.hash
    return HeldOut(answers.data, recipe_of(bundles[0]), digest, manifest.split_hash, answers.logits)


def _trained_on(bundle: Bundle, data: Dataset) -> set[str]:
    seen = {f"{value:016x}" for split, values in bundle.seen().items() if split != _VALIDATION for value in values}
    table = data.manifest.table
    return seen & set(table.loc[table["split"] == "validation", "pixels"])
