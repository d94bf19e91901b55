"""A pack's array as training reads it: mapped from the disk, and never resident as a whole."""

import mmap
from pathlib import Path
from typing import Any

import numpy as np

RESIDENT_BYTES = 256 << 20
"""About as much of the array stays in the process's memory at most, beside what is in use just now."""

_FAULT_BYTES = 2 << 20
"""Linux maps up to a huge page around what is touched, so a tile read by itself may cost that, however small it is."""


class TileMap(np.memmap[Any, np.dtype[np.uint8]]):
    """Tiles (M, H, W, 3), uint8, read-only. What was read some time ago is given back to the system.

    Without that, whoever goes through a million tiles has all of them in its memory in the end, as far as the system
    counts it. The file's pages stay in the system's own cache as long as there is room, so reading again costs little.
    """

    _read_bytes = 0

    def __getitem__(self, index: Any) -> Any:
        """As of any array; what comes back is a plain one: a view for a number or a slice, else a copy."""
        found = super().__getitem__(index)
        if not isinstance(found, np.ndarray):
            return found
        plain = np.asarray(found)
        pieces = len(plain) if isinstance(index, np.ndarray | list) else 1  # chosen rows lie all over the file
        self._read_bytes += max(plain.nbytes, pieces * _FAULT_BYTES)
        if self._read_bytes > RESIDENT_BYTES:
            self._give_back()
        return plain

    def _give_back(self) -> None:
        self._read_bytes = 0
        mapping = getattr(self, "_mmap", None)  # numpy's own name for it, which its stubs lack
        if isinstance(mapping, mmap.mmap) and hasattr(mmap, "MADV_DONTNEED"):
            mapping.madvise(mmap.MADV_DONTNEED)  # of a file that nobody writes to: read again where it is needed

    def first_of_pairs(self) -> "TileMap":
        """The tiles (M, H, W, 3) of an array with their contexts, (M, 2, H, W, 3), mapped as this is."""
        return super().__getitem__((slice(None), 0)).view(TileMap)


def map_tiles(path: Path) -> TileMap:
    """The array in a .npy file, mapped."""
    return np.load(path, mmap_mode="r").view(TileMap)  # type: ignore[no-any-return]
