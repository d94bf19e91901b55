"""The images of a source that nobody has labelled, packed like all others; and images of several arrays as one."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.files import sha256_of_json
from sentinode.core.progress import Progress
from sentinode.data.dataset import Images
from sentinode.data.pack import pack
from sentinode.data.source import Exclusion, Record, Source

_ANY = "unlabelled"


@dataclass(frozen=True)
class UnlabelledPart:
    """The records of a source that have no label, in the splits that may be learned from; itself a `Source`.

    Each is given the one label "unlabelled", because a pack decodes labelled images only.
    """

    source: Source
    train: str
    """The source's split to learn from; images that lie in no split are learned from, too."""

    class_names: tuple[str, ...] = (_ANY,)
    positive: str | None = None
    exclusions: Sequence[Exclusion] = ()

    @property
    def address(self) -> str:
        """The source's."""
        return self.source.address

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """See `Source.records`."""
        return tuple(replace(self.source.records[index], label=_ANY) for index in self._places)

    def read(self, index: int) -> NDArray[np.uint8]:
        """See `Source.read`."""
        return self.source.read(self._places[index])

    def fingerprint(self) -> str:
        """See `Source.fingerprint`."""
        return sha256_of_json([_ANY, self.train, self.source.fingerprint()])

    @cached_property
    def _places(self) -> list[int]:
        return [
            index
            for index, record in enumerate(self.source.records)
            if record.label is None and record.split in (None, self.train)
        ]


def unlabelled_images(part: UnlabelledPart, cache: Path, progress: Progress) -> tuple[Images, pd.DataFrame]:
    """Pack them; the images, each once, and a line for each: `pixels` (hash) and `group`."""
    packed = pack(part, cache, progress)
    groups = [record.group for record in part.records]
    table = packed.index.assign(group=pd.Series(groups, dtype=object))
    table = table[table["status"] == "packed"].drop_duplicates("pixels").reset_index(drop=True)
    return Images(packed.tiles, table["row"].to_numpy(np.int64)), table[["pixels", "group"]]


class JoinedImages:
    """Images of several arrays, one behind the other, of one size."""

    def __init__(self, parts: Sequence[Images]) -> None:
        self._parts = [part for part in parts if len(part)]
        self._firsts = np.cumsum([0, *(len(part) for part in self._parts)])

    @property
    def shape(self) -> tuple[int, ...]:
        """(N, H, W, 3)."""
        return (len(self), *self._parts[0].shape[1:])

    def __len__(self) -> int:
        return int(self._firsts[-1])

    def __getitem__(self, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        """(n, H, W, 3): copies of the images at these positions."""
        out = np.empty((len(positions), *self._parts[0].shape[1:]), np.uint8)
        for part, first, end in zip(self._parts, self._firsts[:-1], self._firsts[1:], strict=True):
            inside = (positions >= first) & (positions < end)
            out[inside] = part[positions[inside] - first]
        return out
