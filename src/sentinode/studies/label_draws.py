"""The patches of a study with few labels: which are learned from, which come with labels, which are tested."""

from dataclasses import dataclass, replace
from typing import Protocol

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.data.dataset import Dataset
from sentinode.metrics.arm_comparison import HeldOut
from sentinode.studies.drawn_patches import draw_of_each
from sentinode.training.appearances import find_appearances

_WATCHED = 64
"""Images of validation that a training is shown the loss of; nothing is chosen by it."""


class LabelProtocol(Protocol):
    """What a study's protocol says of its patches."""

    @property
    def patches(self) -> int:
        """Drawn from the training split."""
        ...

    @property
    def tested(self) -> int:
        """Drawn from the test split."""
        ...

    def labels(self, share: float) -> int:
        """How many patches come with a label: an even number."""
        ...


@dataclass(frozen=True, eq=False)
class LabelDraws:
    """The drawn patches."""

    data: Dataset
    """Train: the patches; validation: as the source has it; test: those that are tested."""
    groups: NDArray[np.int64]
    """(T,) cluster of hue of each tested patch."""

    @property
    def held_out(self) -> HeldOut:
        """What is asked, and how it hangs together."""
        truths = self.data.manifest.labels("test")
        return HeldOut(truths, np.zeros(len(truths), np.int64), self.groups)

    def labelled(self, protocol: LabelProtocol, share: float, seed: int) -> NDArray[np.int64]:
        """Places, among the training patches, of those that come with a label: half of each class."""
        truths = self.data.manifest.labels("train")
        rng = np.random.default_rng([seed, protocol.labels(share)])
        half = protocol.labels(share) // 2
        return np.sort(np.concatenate([rng.permutation(np.flatnonzero(truths == name))[:half] for name in (0, 1)]))

    def training(self, protocol: LabelProtocol, share: float, seed: int) -> Dataset:
        """The labelled patches, so often that an epoch is as long as one of all, and a little validation."""
        manifest = self.data.manifest
        table = manifest.table
        train = table[table["split"] == "train"].iloc[self.labelled(protocol, share, seed)]
        times = -(-protocol.patches // len(train))
        repeated = pd.concat([train] * times, ignore_index=True).head(protocol.patches)
        watched = table[table["split"] == "validation"].sample(frac=1, random_state=0).head(_WATCHED)
        return replace(self.data, manifest=replace(manifest, table=pd.concat([repeated, watched], ignore_index=True)))


def draw_patches(data: Dataset, protocol: LabelProtocol) -> LabelDraws:
    """Draw the protocol's patches from the splits of the data.

    Raises:
        DataError: There are more than two classes, a split is missing, or has too few images of a class.
    """
    manifest = data.manifest
    if manifest.positive is None:
        raise DataError(f"the study needs two classes, and the data has {len(manifest.class_names)}")
    manifest.require("train", "validation", "test")
    table = manifest.table
    parts = [
        draw_of_each(table, manifest.class_names, protocol.patches, split="train"),
        table[table["split"] == "validation"],
        draw_of_each(table, manifest.class_names, protocol.tested, key="tested", split="test"),
    ]
    drawn = replace(data, manifest=replace(manifest, table=pd.concat(parts, ignore_index=True)))
    rows = drawn.manifest.rows("test")
    groups = find_appearances(data.tiles, rows, [""] * len(rows), seed=0).of_image
    return LabelDraws(drawn, groups)
