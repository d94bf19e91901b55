"""Images with another stain: those of a known slide by what they have in common, the others each by itself."""

from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.files import storage_errors
from sentinode.core.progress import Progress
from sentinode.core.stain.normaliser import Normaliser, StainTarget
from sentinode.core.stain.optical_density import StainError
from sentinode.core.stain.stain_look import Method, common_look
from sentinode.data.dataset import Dataset, Images
from sentinode.data.pack import Pack

_ASKED = 64
"""Images that tell the stain of a slide or of a data set, evenly spread."""
_ASKED_OF_TRAINING = 2000
_SLAB = 256


class NormalisedImages(Images):
    """The images of a split, normalised when they are read."""

    def __init__(self, data: Dataset, split: str, target: StainTarget) -> None:
        """Args: a data set of whole images; which of them; the stain that they get."""
        super().__init__(data.tiles, data.manifest.rows(split))
        self._target = target
        table = data.manifest.table
        groups = table.loc[table["split"] == split, "group"]
        self._groups = [group if known else None for group, known in zip(groups, groups.notna(), strict=True)]
        self._maps = {group: self._map_of(group) for group in dict.fromkeys(self._groups) if group is not None}
        self._kept: dict[int, str] = {}

    @property
    def kept(self) -> Counter[str]:
        """Of the images that were read: how many stayed as they are because their stain can't be told, by reason."""
        return Counter(self._kept.values())

    def __getitem__(self, index: int | slice | NDArray[np.integer]) -> NDArray[np.uint8]:  # type: ignore[override]
        """One image (H, W, 3) for a number, several (n, H, W, 3) for a slice or an array of numbers."""
        places = np.arange(len(self))[index]
        if places.ndim == 0:
            return self._normalised(int(places))
        parts = [self._normalised(int(place)) for place in places]
        return np.stack(parts) if parts else np.empty((0, *self.shape[1:]), np.uint8)

    def _normalised(self, place: int) -> NDArray[np.uint8]:
        image, group = super().__getitem__(place), self._groups[place]
        if group is None:
            found, kept = self._target.each(image[None])
            if kept:
                self._kept[place] = next(iter(kept))
            return np.asarray(found[0])
        known = self._maps[group]
        if isinstance(known, str):
            self._kept[place] = known
            return image
        return np.asarray(known(image[None])[0])

    def _map_of(self, group: str) -> Normaliser | str:
        """What normalises the images of a slide; in words, why nothing does."""
        own = _some([place for place, name in enumerate(self._groups) if name == group], _ASKED)
        try:
            look = common_look(self._target.method, [Images.__getitem__(self, place) for place in own])
        except StainError as error:
            return error.reason
        return self._target.normaliser(look)


@dataclass(frozen=True, kw_only=True)
class _NormalisedPack(Pack):
    """A pack whose pixels lie in another file."""

    file: Path

    @cached_property
    def tiles(self) -> NDArray[np.uint8]:
        return np.load(self.file, mmap_mode="r")  # type: ignore[no-any-return]


def training_target(data: Dataset, method: Method) -> StainTarget:
    """The stain of a data set's training images: the median of up to 2,000 of them.

    Raises:
        StainError: It can be told of less than a quarter of them.
    """
    images = data.images("train")
    chosen = _some(range(len(images)), _ASKED_OF_TRAINING)
    return StainTarget(method, common_look(method, [images[place] for place in chosen]))


@contextmanager
def normalised_copy(
    data: Dataset,
    target: StainTarget,
    folder: Path,
    progress: Progress,
    splits: Sequence[str] = ("train", "validation"),
) -> Iterator[tuple[Dataset, Counter[str]]]:
    """The same data set with the images of some splits normalised, in a file that is gone afterwards.

    Args:
        data: Of whole images.
        target: The stain that they get.
        folder: Gets the file, as large as the pack.
        progress: Where to show how far it is.
        splits: Whose images; all others are black.

    Yields:
        The data set, and how many images stayed as they are, by reason.

    Raises:
        StorageError: The disk is full.
    """
    file, kept = folder / ".normalised.npy", Counter[str]()
    with storage_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        try:
            out = np.lib.format.open_memmap(file, "w+", dtype=np.uint8, shape=data.tiles.shape)
            for split in splits:
                images, rows = NormalisedImages(data, split, target), data.manifest.rows(split)
                for part in progress.slabs(f"normalising {split}", len(images), _SLAB):
                    out[rows[part]] = images[part]
                kept += images.kept
            out.flush()
            pack = _NormalisedPack(data.pack.folder, data.pack.fingerprint, file=file)
            yield replace(data, pack=pack), kept
        finally:
            file.unlink(missing_ok=True)


def _some(places: Sequence[int], most: int) -> list[int]:
    """At most so many of the places, evenly spread."""
    chosen = np.unique(np.linspace(0, len(places) - 1, min(most, len(places))).round().astype(int))
    return [places[place] for place in chosen]
