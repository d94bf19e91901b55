"""What a network learns from, and in which order: the training split, and after it unlabelled images."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.data.dataset import Dataset
from sentinode.training.appearances import Appearances, find_appearances
from sentinode.training.batches import EpochOrder, Share, shards_of
from sentinode.training.distillation import UNLABELLED, read_unlabelled
from sentinode.training.recipe import Recipe
from sentinode.training.training_config import TrainingConfig


@dataclass(frozen=True, eq=False)
class TrainingImages:
    """What is learned from: the rows of the training split, and after them the unlabelled images."""

    labels: NDArray[np.int64]
    """(n + m,)"""
    more: NDArray[np.uint8] | None
    """(m, H, W, 3) unlabelled images."""
    appearances: Appearances | None
    """Of all n + m, where the recipe changes them."""
    shards: NDArray[np.int64] | None = None
    """(n + m,) of each, where the recipe streams them; unlabelled images are spread over all."""


def training_images(recipe: Recipe, data: Dataset) -> TrainingImages:
    """Read the unlabelled images and find the appearances, if the recipe wants any.

    Raises:
        DataError: The unlabelled images are not as they should be.
    """
    manifest, config = data.manifest, recipe.training
    rows, labels = manifest.rows("train"), manifest.labels("train")
    more = read_unlabelled(config.unlabelled, data.tiles.shape[1]) if config.unlabelled else None
    if more is not None:
        labels = np.concatenate([labels, np.full(len(more), UNLABELLED)])
    shards = None
    if config.sampling == "streamed":
        shards = shards_of(rows, int(np.prod(data.inputs(context=recipe.model.context).shape[1:])))
        shards = np.concatenate([shards, np.arange(len(labels) - len(rows)) % (shards.max() + 1)])
    if not config.augmentation.appearance:
        return TrainingImages(labels, more, None, shards)
    groups = manifest.table.loc[manifest.table["split"] == "train", "group"].fillna("").tolist()
    return TrainingImages(labels, more, find_appearances(data.tiles, rows, groups, recipe.seed, more), shards)


def train_order(config: TrainingConfig, images: TrainingImages, seed: int, share: Share) -> EpochOrder:
    """The batches of every epoch, for one of several processes."""
    return EpochOrder(
        images.labels,
        batch_size=config.batch_size,
        sampling=config.sampling,
        seed=seed,
        share=share,
        epoch_images=config.epoch_images,
        shards=images.shards,
    )
