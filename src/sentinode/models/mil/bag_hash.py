"""The SHA-256 of a bag's arrays: by it a file whose bytes changed is found, and a slide under two names."""

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.models.mil.bag import Bag

SLAB = 4096
"""Tiles in memory at a time."""


class ArraysHash:
    """SHA-256 over the names, shapes and little-endian bytes of arrays, a part at a time.

    Examples:
        >>> whole, parts = ArraysHash(), ArraysHash()
        >>> for one in (whole, parts):
        ...     one.begin("coords", (4, 2))
        >>> whole.add(np.arange(8).reshape(4, 2))
        >>> parts.add(np.arange(4).reshape(2, 2))
        >>> parts.add(np.arange(4, 8).reshape(2, 2))
        >>> whole.hexdigest() == parts.hexdigest()
        True
    """

    def __init__(self) -> None:
        self._digest = hashlib.sha256()

    def begin(self, name: str, shape: Sequence[int]) -> None:
        """The array whose parts follow."""
        self._digest.update(f"{name} {'x'.join(map(str, shape))}\n".encode())

    def add(self, part: NDArray[Any]) -> None:
        """The next rows of the array."""
        self._digest.update(np.ascontiguousarray(part, part.dtype.newbyteorder("<")).reshape(-1).view(np.uint8).data)

    def add_places(self, coords: NDArray[np.int64], scores: NDArray[np.float32] | None) -> None:
        """What follows the features of a bag: its coordinates, and its scores where it has some."""
        for name, array, kind in (("coords", coords, "<i8"), ("scores", scores, "<f4")):
            if array is not None:
                self.begin(name, array.shape)
                self.add(np.asarray(array, kind))

    def hexdigest(self) -> str:
        """Of all that was added, in hexadecimal."""
        return self._digest.hexdigest()


def sha256_of_arrays(bag: Bag) -> str:
    """The SHA-256 over a bag's features, as they are kept, its coordinates and its scores.

    Raises:
        DataError: The bag's file was changed or can't be read.
    """
    found = ArraysHash()
    found.begin("features", (len(bag), bag.size))
    for start in range(0, len(bag), SLAB):
        found.add(np.asarray(bag.rows[start : start + SLAB]))
    found.add_places(bag.coords, bag.scores)
    return found.hexdigest()
