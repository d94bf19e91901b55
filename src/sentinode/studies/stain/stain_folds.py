"""The patches of a stain study, and their folds: whole appearances are held out."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.data.dataset import Dataset
from sentinode.data.splits import cut_by_class, cut_by_group
from sentinode.metrics.arm_comparison import HeldOut
from sentinode.studies.drawn_patches import draw_of_each
from sentinode.studies.stain.stain_protocol import StainProtocol
from sentinode.training.appearances import find_appearances


@dataclass(frozen=True, eq=False)
class StainFolds:
    """The drawn images, and which fold tests which."""

    data: Dataset
    """Of the drawn images alone."""
    groups: NDArray[np.int64]
    """(N,) appearance of each."""
    folds: NDArray[np.int64]
    """(N,)."""

    @property
    def held_out(self) -> HeldOut:
        """What is asked, and how it hangs together."""
        manifest = self.data.manifest
        truths = np.asarray(manifest.table["label"] == manifest.positive, np.int64)
        return HeldOut(truths, self.folds, self.groups)

    def fold(self, number: int, protocol: StainProtocol) -> Dataset:
        """The data set with the images of this fold for test, and of the others some for validation."""
        manifest = self.data.manifest
        splits = np.full(len(self.folds), "test", dtype=object)
        rest = self.folds != number
        shares = {"train": 1 - protocol.validation, "validation": protocol.validation}
        splits[rest] = cut_by_class(manifest.table["label"][rest], shares, seed=number)
        return replace(self.data, manifest=replace(manifest, table=manifest.table.assign(split=splits)))


def draw_folds(data: Dataset, protocol: StainProtocol) -> StainFolds:
    """Draw the protocol's patches, half of each class, and hold out whole appearances.

    Raises:
        DataError: There are more than two classes, or too few images of one.
    """
    manifest = data.manifest
    if manifest.positive is None:
        raise DataError(f"the study needs two classes, and the data has {len(manifest.class_names)}")
    drawn = draw_of_each(manifest.table, manifest.class_names, protocol.patches).reset_index(drop=True)
    part = replace(data, manifest=replace(manifest, table=drawn))
    unknown: Sequence[str] = [""] * len(drawn)  # slides that are known are put into clusters as all others
    groups = find_appearances(data.tiles, drawn["row"].to_numpy(np.int64), unknown, seed=0).of_image
    shares = {str(fold): 1 / protocol.folds for fold in range(protocol.folds)}
    sides = cut_by_group(drawn["label"], pd.Series(groups.astype(str)), shares, seed=0)
    return StainFolds(part, groups, sides.astype(np.int64))
