"""What a bundle has done with images at hand: it has learned from them, or only set its threshold on them."""

from collections.abc import Set
from dataclasses import dataclass

import pandas as pd

from sentinode.core.messages import listed
from sentinode.core.progress import SILENT
from sentinode.data.copies import near_copies
from sentinode.data.dataset import Dataset
from sentinode.models.bundle import Bundle
from sentinode.models.pretrained_bundle import PretrainedBundle

LEARNED = "learned from"
SET = "set its threshold and temperature on"

_LEARNED_SPLIT = "train"
"""In `seen.npz`: images that weights were fitted to. Those of other splits chose threshold, temperature and epoch."""
_SHOWN = 3


@dataclass(frozen=True)
class SeenImages:
    """Images of a data set that a bundle knows, or near copies of such."""

    learned: pd.DataFrame
    """Rows of the manifest that it has learned from."""
    set_on: pd.DataFrame
    """Rows of the others, on which it set its threshold and temperature."""
    total: int
    """Images that were looked through."""

    def __len__(self) -> int:
        return len(self.learned) + len(self.set_on)

    def __str__(self) -> str:
        """`learned from 3 of these images (a, b, c) and set its threshold and temperature on all 60 …`."""
        said = [self._part(LEARNED, self.learned), self._part(SET, self.set_on)]
        return listed([part for part in said if part]) if len(self) else ""

    def _part(self, did: str, rows: pd.DataFrame) -> str:
        if rows.empty:
            return ""
        amount = f"all {len(rows):,}" if len(rows) == self.total else f"{len(rows):,}"
        shown = ", ".join(rows["id"].head(_SHOWN)) + (", …" if len(rows) > _SHOWN else "")
        return f"{did} {amount} of these images ({shown})"


def seen_images(bundle: Bundle | PretrainedBundle, data: Dataset, table: pd.DataFrame) -> SeenImages:
    """Which images of `table` a bundle knows.

    A bundle keeps hashes of its images, not their pixels: a near copy is known as one where the data holds, in any
    split, the image that it is a copy of.

    Args:
        bundle: The bundle.
        data: The data set.
        table: Rows of its manifest.
    """
    hashes = {split: {f"{value:016x}" for value in values.tolist()} for split, values in bundle.seen().items()}
    learned = _with_copies(hashes.pop(_LEARNED_SPLIT, set()), data)
    set_on = _with_copies(set().union(*hashes.values()), data)
    is_learned = table["pixels"].isin(learned)
    return SeenImages(table[is_learned], table[table["pixels"].isin(set_on) & ~is_learned], len(table))


def _with_copies(seen: Set[str], data: Dataset) -> set[str]:
    near = near_copies(data.pack, SILENT, wanted=data.near_copies)  # found already, when the data was loaded
    first, second = near["first"].isin(seen), near["second"].isin(seen)
    return {*seen, *near.loc[first, "second"], *near.loc[second, "first"]}
