"""Large arrays that are used again as soon as nobody holds them.

New memory costs the system a page fault for every 4 KiB, and filling it with zeros: for a tile of 256 px half as much
as decoding it.
"""

import sys

import numpy as np

from sentinode.slides.reader import Pixels


class Buffers:
    """Arrays of one shape. Not thread-safe: one thread takes them, any may fill and hold them."""

    def __init__(self, shape: tuple[int, ...], most: int) -> None:
        """Arrays uint8 of `shape`, of which at most `most` are kept to be used again."""
        self._shape, self._most = shape, most
        self._kept: list[Pixels] = []

    def take(self) -> Pixels:
        """A view of an array that nobody else holds, holding anything; it is free again when no view of it is left."""
        for number in range(len(self._kept)):
            if held_by_the_list_alone(self._kept, number):
                return self._kept[number][:]
        made = np.empty(self._shape, np.uint8)
        if len(self._kept) < self._most:
            self._kept.append(made)
        return made[:]


def held_by_the_list_alone(kept: list[Pixels], number: int) -> bool:
    """Whether nothing but the list `kept` refers to its array `number`, or to a view of that."""
    return _references(kept, number) == _ALONE


def _references(kept: list[Pixels], number: int) -> int:
    # A view counts as a reference to the array that it shows, views of views too.
    return sys.getrefcount(kept[number])


_ALONE = _references([np.empty(0, np.uint8)], 0)
"""What `_references` gives where the list alone holds an array; versions of Python differ in it."""
