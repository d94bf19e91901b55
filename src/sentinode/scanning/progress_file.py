"""What a pass over a slide has done so far, on the disk: batches of what its tiles gave, appended one by one."""

import abc
import struct
import zlib
from pathlib import Path
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sentinode.core.files import storage_errors

HEADER = struct.Struct("<64sIII")  # the key, tiles, numbers of a tile, batch
RECORD = struct.Struct("<II")  # number of the batch, CRC-32 of what it holds


class BatchFile(abc.ABC):
    """An append-only file with a record of fixed size for each batch.

    A record that a kill or a full disk cut short, or that a power cut lost, is noticed by its size, number or CRC; it
    and what follows is done again. A file of another key is not gone on with.
    """

    def __init__(self, path: Path, key: str, *, tiles: int, numbers: int, row_bytes: int, batch: int) -> None:
        """Open `path` for the work `key` (64 characters) and read what is done.

        Args:
            path: Made where it is missing.
            key: Hash of everything that changes what the tiles give.
            tiles: Tiles of the plan.
            numbers: How many numbers a tile gives.
            row_bytes: Bytes of a tile's numbers.
            batch: Tiles of a batch; the last one may have fewer.
        """
        self.done = 0
        """Tiles, from the plan's first on, that need not be done again."""
        self._tiles, self._row_bytes, self._batch, self._path = tiles, row_bytes, batch, path
        header = HEADER.pack(key.encode("ascii"), tiles, numbers, batch)
        with storage_errors(path):
            self._file = path.open("r+b" if path.exists() else "w+b", buffering=0)
            if self._file.read(len(header)) != header:
                self._file.seek(0)
                self._file.truncate()
                self._write(header)
            good = self._read(len(header))
            self._file.seek(good)
            self._file.truncate()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    @abc.abstractmethod
    def _take(self, rows: slice, content: bytes) -> None:
        """Take over what the tiles `rows` gave."""

    def _append(self, count: int, content: bytes) -> None:
        """Add the next batch, of `count` tiles.

        Raises:
            StorageError: The disk is full; what was added before is kept.
        """
        with storage_errors(self._path):
            self._write(RECORD.pack(self.done // self._batch, zlib.crc32(content)) + content)
        self._take(slice(self.done, self.done + count), content)
        self.done += count

    def _write(self, content: bytes) -> None:
        view = memoryview(content)
        while view:  # a nearly full disk takes a part first
            view = view[self._file.write(view) :]

    def _read(self, start: int) -> int:
        """Take over whole records; returns where they end in the file."""
        while self.done < self._tiles:
            count = min(self._batch, self._tiles - self.done)
            size = RECORD.size + self._row_bytes * count
            record = self._file.read(size)
            if len(record) < size:
                break
            content = record[RECORD.size :]
            if RECORD.unpack_from(record) != (self.done // self._batch, zlib.crc32(content)):
                break
            self._take(slice(self.done, self.done + count), content)
            self.done += count
            start += size
        return start


class ProgressFile(BatchFile):
    """The scores of a scan's tiles; all of them are held in memory, too."""

    def __init__(self, path: Path, key: str, tiles: int, classes: int, batch: int) -> None:
        """As `BatchFile`; `classes`: scores of a tile."""
        self.scores = np.full((tiles, classes), np.nan, np.float32)
        """(tiles, classes) what is known so far; NaN elsewhere, and for tiles that could not be read."""
        super().__init__(path, key, tiles=tiles, numbers=classes, row_bytes=4 * classes, batch=batch)

    def append(self, scores: NDArray[np.float32]) -> None:
        """Add the scores of the next batch: (n, classes), NaN rows for tiles that could not be read.

        Raises:
            StorageError: The disk is full; what was added before is kept.
        """
        self._append(len(scores), np.ascontiguousarray(scores, "<f4").tobytes())

    def _take(self, rows: slice, content: bytes) -> None:
        self.scores[rows] = np.frombuffer(content, "<f4").reshape(-1, self.scores.shape[1])
