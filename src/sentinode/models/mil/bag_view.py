"""What an aggregator has to know of a bag, which is less than a `Bag` says of itself."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.models.mil.bag import EVERY, Places

CHUNK = 8192
"""Tiles that become float32 at a time where a whole bag is looked at."""


class BagView(Protocol):
    """N tiles, and the features of those that are asked for; a `Bag` is one."""

    @property
    def name(self) -> str:
        """The slide's, for messages."""

    def __len__(self) -> int:
        """N."""

    def features(self, places: Places = EVERY, /) -> NDArray[np.float32]:
        """(n, D); only these become float32.

        Raises:
            DataError: They are not all finite numbers.
        """


@dataclass(frozen=True, eq=False)
class ArrayBag:
    """Features alone, of tiles that lie nowhere: what remains of a bag that was pooled, or a drawn one."""

    name: str
    array: NDArray[Any]
    """(N, D), float16 or float32."""

    def __len__(self) -> int:
        return len(self.array)

    def features(self, places: Places = EVERY, /) -> NDArray[np.float32]:
        """(n, D): the features of some tiles.

        Raises:
            DataError: They are not all finite numbers.
        """
        taken = np.asarray(self.array[places], dtype=np.float32)
        if not np.isfinite(taken).all():
            raise DataError(f"bag {self.name} has features that are no finite numbers; compute them again")
        return taken


def chunks(bag: BagView) -> Iterator[NDArray[np.float32]]:
    """All features of a bag, a part at a time.

    Raises:
        DataError: A feature is not finite.
    """
    for start in range(0, len(bag), CHUNK):
        yield bag.features(slice(start, min(start + CHUNK, len(bag))))


def mean_bag(bag: BagView) -> ArrayBag:
    """A bag of one tile: the mean of all."""
    total = np.sum([part.sum(axis=0, dtype=np.float64) for part in chunks(bag)], axis=0)
    return ArrayBag(bag.name, (total / len(bag)).astype(np.float32)[None])


def check_bag(bag: BagView, dim: int) -> None:
    """Refuse a bag that an aggregator of features of length `dim` can't judge.

    Raises:
        DataError: It has no tile, or features of another length.
    """
    if not len(bag):
        raise DataError(f"bag {bag.name} has no tile; leave this slide out, or look at its tissue mask")
    if (found := bag.features(slice(0, 1)).shape[1]) != dim:
        raise DataError(
            f"bag {bag.name} has features of length {found}, not {dim}; compute the features of all slides alike"
        )
