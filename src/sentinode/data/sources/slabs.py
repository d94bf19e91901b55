"""Reading a large array in slabs, so that going through it image by image decompresses each part once."""

import threading
from collections import OrderedDict
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_SLAB_BYTES = 16 << 20
_LARGEST_SLAB_BYTES = 256 << 20
# Threads that share a read-through are a few images apart, so one may still need the slab before the newest.
_SLABS_KEPT = 2

Load = Callable[[int, int], NDArray[np.uint8]]
"""Loads images `start` to `stop` of an array, as (stop - start, …) uint8."""


class SlabReader:
    """Images of one array, by number, through the slabs that were read last. Safe to call from several threads."""

    def __init__(self, load: Load, count: int, rows: int) -> None:
        self._load = load
        self._count = count
        self._rows = rows
        self._slabs: OrderedDict[int, NDArray[np.uint8]] = OrderedDict()
        self._lock = threading.Lock()

    def read(self, index: int) -> NDArray[np.uint8]:
        """A copy of image `index`."""
        number, offset = divmod(index, self._rows)
        with self._lock:
            if number not in self._slabs:
                start = number * self._rows
                self._slabs[number] = self._load(start, min(start + self._rows, self._count))
                if len(self._slabs) > _SLABS_KEPT:
                    self._slabs.popitem(last=False)
            self._slabs.move_to_end(number)
            return np.array(self._slabs[number][offset])


def slab_rows(image_bytes: int, chunk_rows: int = 1) -> int:
    """Images in a slab: whole chunks of `chunk_rows` images, about 16 MiB, at most 256 MiB."""
    chunks = max(1, _SLAB_BYTES // (image_bytes * chunk_rows))
    return max(1, min(chunks * chunk_rows, _LARGEST_SLAB_BYTES // image_bytes))
