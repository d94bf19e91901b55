"""What a generator learns from: the training split alone; and what it is watched by, from validation."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.core.files import sha256_of_json
from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset, Images, load_dataset
from sentinode.training.synthesis.synthesis_recipe import SynthesisRecipe

_FEWEST = 16


@dataclass(frozen=True, eq=False)
class RealImages:
    """Images of one split with their classes, each only once."""

    images: Images
    """(N, H, W, 3)."""
    classes: NDArray[np.int64]
    """(N,) numbers of `SynthesisImages.class_names`; one more than the last: without a label."""
    pixels: tuple[str, ...]
    """Hashes of their pixels."""

    def drawn(self, amount: int, seed: int) -> "RealImages":
        """At most so many, equally many of each class as far as there are, in their order."""
        rng = np.random.default_rng([seed, 2])
        present = np.unique(self.classes)
        each = -(-amount // max(1, len(present)))
        chosen = np.sort(
            np.concatenate([rng.permutation(np.flatnonzero(self.classes == one))[:each] for one in present])
        )
        return RealImages(
            self.images.chosen(chosen), self.classes[chosen], tuple(self.pixels[place] for place in chosen)
        )


@dataclass(frozen=True, eq=False)
class SynthesisImages:
    """Images of one size."""

    learned: RealImages
    """Of the training split."""
    held_out: RealImages
    """Of validation; never learned from."""
    class_names: tuple[str, ...]
    described: str
    """Where they come from, in words."""
    order: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    """Places among the learned of one lap; an image that stands in it twice is learned from twice as often. Empty: each
    once."""
    mpp: float | None = None
    """µm per pixel of the images; None: not known."""
    table: pd.DataFrame | None = None
    """The manifest's, where the images are of one: what a table of real and drawn patches is made from."""

    @property
    def side(self) -> int:
        """Of the real images, in pixels."""
        return int(self.learned.images.shape[1])

    @property
    def places(self) -> NDArray[np.int64]:
        """Of one lap."""
        return self.order if len(self.order) else np.arange(len(self.learned.classes))

    @property
    def classes(self) -> int:
        """How many the generator tells apart: those with a name, and where images lack a label, that."""
        return max(len(self.class_names), int(self.learned.classes.max()) + 1)

    @property
    def sha256(self) -> str:
        """A hash of all that is learned from and watched by."""
        parts = (self.learned, self.held_out)
        return sha256_of_json([self.class_names, *[[part.classes.tolist(), part.pixels] for part in parts]])


def images_of_source(recipe: SynthesisRecipe, settings: Settings, progress: Progress) -> SynthesisImages:
    """The training split of a source, and its validation split to be held against.

    Raises:
        DataError: The data is not what its layout says, a split is missing, or there are too few images of a class.
    """
    data = load_dataset(recipe.data, cache=settings.cache, progress=progress)
    _check_images(data, recipe.synthesis.side)
    learned, held_out = (_of_split(data, split) for split in ("train", "validation"))
    names = data.manifest.class_names
    _check_enough(learned, names, "training")
    _check_enough(held_out, names, "validation")
    return SynthesisImages(
        learned,
        held_out,
        names,
        f"{recipe.data.source}, training split, {plural(len(learned.classes), 'different image')}",
        mpp=data.mpp,
        table=data.manifest.table,
    )


def _check_images(data: Dataset, side: int) -> None:
    if data.tile_size is not None:
        raise DataError(
            "data.tile_size cuts images into tiles, which synthesis does not take; give patches of one size"
        )
    data.manifest.require("train", "validation")
    height, width = data.tiles.shape[1:3]
    if height != width:
        raise DataError(f"the images are {width}×{height} px; synthesis needs square ones: crop or pad them first")
    if height < side:
        raise DataError(
            f"the images have {height} px and synthesis.side is {side}: a generator can't learn what is not in them; "
            f"set synthesis.side={max(16, height // 16 * 16)}"
        )


def _of_split(data: Dataset, split: str) -> RealImages:
    """Of images with the same pixels the first: one that is there ten times would be learned by heart."""
    table: pd.DataFrame = data.manifest.table
    pixels = table.loc[table["split"] == split, "pixels"].to_numpy(dtype=object)
    first = np.sort(np.unique(pixels, return_index=True)[1])
    return RealImages(
        Images(data.tiles, data.manifest.rows(split)[first]),
        data.manifest.labels(split)[first],
        tuple(str(one) for one in pixels[first]),
    )


def _check_enough(real: RealImages, names: Sequence[str], split: str) -> None:
    for number, name in enumerate(names):
        found = int((real.classes == number).sum())
        if found < _FEWEST:
            raise DataError(
                f"the {split} split has {plural(found, 'different image')} of {name}; a generator needs at least "
                f"{_FEWEST} of each class there, and many more to be of use"
            )
