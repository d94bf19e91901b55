"""What is pretrained on: images whose labels nobody looks at, and some held out for the probe."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.core.files import sha256_of_json
from sentinode.core.images import pixel_hash
from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.address import open_configured
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import Dataset, Images, load_dataset
from sentinode.data.tiles.tissue_tiles import TissueTiles
from sentinode.data.unlabelled_images import JoinedImages, UnlabelledPart, unlabelled_images
from sentinode.training.pretraining.pretrain_recipe import PretrainRecipe

_HELD_OUT = 0.1


@dataclass(frozen=True, eq=False)
class PretrainingImages:
    """Images of one size."""

    learned: JoinedImages
    held_out: NDArray[np.uint8]
    """(m, H, W, 3): for the probe alone; never learned from."""
    labels: NDArray[np.int64] | None
    """(m,) of the held-out ones; None where there are none."""
    seen: NDArray[np.uint64]
    """Sorted hashes of the pixels of what is learned from."""
    mpp: float | None
    described: str
    """Where they come from, in words."""

    @property
    def sha256(self) -> str:
        """A hash of all that is learned from and probed on."""
        labels = None if self.labels is None else self.labels.tolist()
        return sha256_of_json([self.seen.tolist(), [pixel_hash(image) for image in self.held_out], labels])

    @property
    def side(self) -> int:
        """Of an image, in pixels.

        Raises:
            DataError: They are not square.
        """
        height, width = self.learned.shape[1:3]
        if height != width:
            raise DataError(f"the images are {width}×{height} px; give square ones: crop or pad them first")
        return int(height)


def images_of_source(recipe: PretrainRecipe, settings: Settings, progress: Progress) -> PretrainingImages:
    """The training split of a source, and what it has without labels; validation is held out.

    Where nothing has a label, a tenth is held out: whole groups where they are known.

    Raises:
        DataError: The data is not what its layout says, or there are images of two sizes.
    """
    config = recipe.data
    assert config is not None
    source = open_configured(config, settings.cache, progress)
    part = UnlabelledPart(source, config.split.train or "train")
    images, table = None, None
    if part.records:
        images, table = unlabelled_images(part, settings.cache, progress)
    if len(part.records) < len(source.records) and any(record.label is not None for record in source.records):
        return _labelled(recipe, load_dataset(config, cache=settings.cache, progress=progress), images, table)
    if images is None or table is None or not len(images):
        raise DataError(f"{source.address} has no image that can be learned from; check the path")
    groups = table["group"].fillna("").tolist() if table["group"].notna().any() else None
    return _unlabelled(
        images, groups, _numbers(table["pixels"]), recipe, mpp=config.mpp, described=f"{source.address}, without labels"
    )


def images_of_slides(recipe: PretrainRecipe, drawn: TissueTiles) -> PretrainingImages:
    """Tiles of slides; a tenth of the slides is held out, or of the tiles where there is one slide."""
    config = recipe.slides
    assert config is not None
    count = len(drawn.slides)
    slides = len(set(drawn.slides))
    hashes = np.array([int(pixel_hash(drawn.tiles[row]), 16) for row in range(count)], np.uint64)
    failed = f"; left out: {'; '.join(drawn.failures)}" if drawn.failures else ""
    described = f"{plural(count, 'tile')} of tissue of {plural(slides, 'slide')}{failed}"
    images, groups = Images(drawn.tiles, np.arange(count)), list(drawn.slides) if slides > 1 else None
    return _unlabelled(images, groups, hashes, recipe, mpp=config.mpp, described=described)


def images_of_dataset(data: Dataset, recipe: PretrainRecipe, described: str, labels: bool) -> PretrainingImages:
    """The training split of a data set; of validation, the first images of a shuffle are held out.

    Args:
        data: With both splits.
        recipe: Says how many, and the seed.
        described: Where they come from, in words.
        labels: Whether the probe may know the labels of those held out.
    """
    held_out = data.images("validation")
    chosen = np.sort(_rng(recipe).permutation(len(held_out))[: recipe.probe.images])
    table = data.manifest.table
    return PretrainingImages(
        JoinedImages([data.images("train")]),
        held_out[chosen],
        data.manifest.labels("validation")[chosen] if labels else None,
        np.sort(_numbers(table.loc[table["split"] == "train", "pixels"])),
        data.mpp,
        described,
    )


def _labelled(
    recipe: PretrainRecipe, data: Dataset, images: Images | None, table: pd.DataFrame | None
) -> PretrainingImages:
    config: DataConfig | None = recipe.data
    assert config is not None
    data.manifest.require("train", "validation")
    found = images_of_dataset(data, recipe, f"{config.source}, training split, labels not used", labels=True)
    if images is None or table is None:
        return found
    # Unlabelled images may repeat labelled ones, those held out among them.
    known = set(data.manifest.table["pixels"])
    new = np.flatnonzero(~table["pixels"].isin(known))
    if images.shape[1:] != found.learned.shape[1:]:
        raise DataError(
            f"labelled images have {found.learned.shape[1:3]} px and unlabelled ones {images.shape[1:3]}; "
            "bring them to one size"
        )
    return PretrainingImages(
        JoinedImages([data.images("train"), images.chosen(new)]),
        found.held_out,
        found.labels,
        np.sort(np.concatenate([found.seen, _numbers(table["pixels"].iloc[new])])),
        found.mpp,
        f"{config.source}, training split, labels not used, and {plural(len(new), 'image')} without",
    )


def _unlabelled(
    images: Images,
    groups: Sequence[str] | None,
    hashes: NDArray[np.uint64],
    recipe: PretrainRecipe,
    *,
    mpp: float | None,
    described: str,
) -> PretrainingImages:
    """A tenth held out: of the groups, where they are known; of these at most `probe.images` are looked at."""
    rng, count = _rng(recipe), len(images)
    if groups is None:
        apart = np.isin(np.arange(count), rng.permutation(count)[: max(2, round(_HELD_OUT * count))])
    else:
        names = np.array(groups, dtype=str)
        present = rng.permutation(np.unique(names))
        apart = np.isin(names, present[: max(1, round(_HELD_OUT * len(present)))])
    learned, rest = np.flatnonzero(~apart), np.flatnonzero(apart)
    held_out = images[np.sort(rng.permutation(rest)[: recipe.probe.images])]
    return PretrainingImages(
        JoinedImages([images.chosen(learned)]), held_out, None, np.sort(hashes[learned]), mpp, described
    )


def _rng(recipe: PretrainRecipe) -> np.random.Generator:
    return np.random.default_rng([recipe.seed, 1])


def _numbers(hashes: "pd.Series[str]") -> NDArray[np.uint64]:
    return np.array([int(text, 16) for text in hashes], dtype=np.uint64)
