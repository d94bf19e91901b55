"""What a running scan has done so far, on the disk: batches of scores, appended one by one."""

import struct
import zlib
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.files import storage_errors

_HEADER = struct.Struct("<64sIII")  # the scan's key, tiles, classes, batch
_RECORD = struct.Struct("<II")  # number of the batch, CRC-32 of its scores


class ProgressFile(AbstractContextManager["ProgressFile"]):
    """An append-only file with a record of fixed size for each batch.

    A record that a kill or a full disk cut short, or that a power cut lost, is noticed by its size, number or CRC; it
    and what follows is done again. A file of another scan is not gone on with.
    """

    def __init__(self, path: Path, key: str, tiles: int, classes: int, batch: int) -> None:
        """Open `path` for the scan `key` (64 characters) and read what is done.

        Args:
            path: Made where it is missing.
            key: Hash of everything that changes the scores.
            tiles: Tiles of the plan.
            classes: Scores of a tile.
            batch: Tiles of a batch; the last one may have fewer.
        """
        self.scores = np.full((tiles, classes), np.nan, np.float32)
        """(tiles, classes) what is known so far; NaN elsewhere, and for tiles that could not be read."""
        self.done = 0
        """Tiles, from the plan's first on, that need not be done again."""
        self._batch, self._path = batch, path
        header = _HEADER.pack(key.encode("ascii"), tiles, classes, batch)
        with storage_errors(path):
            self._file = path.open("r+b" if path.exists() else "w+b", buffering=0)
            if self._file.read(len(header)) != header:
                self._file.seek(0)
                self._file.truncate()
                self._write(header)
            good = self._read(len(header))
            self._file.seek(good)
            self._file.truncate()

    def append(self, scores: NDArray[np.float32]) -> None:
        """Add the scores of the next batch: (n, classes), NaN rows for tiles that could not be read.

        Raises:
            StorageError: The disk is full; what was added before is kept.
        """
        payload = np.ascontiguousarray(scores, "<f4").tobytes()
        with storage_errors(self._path):
            self._write(_RECORD.pack(self.done // self._batch, zlib.crc32(payload)) + payload)
        self.scores[self.done : self.done + len(scores)] = scores
        self.done += len(scores)

    def __exit__(self, *_error: object) -> None:
        self._file.close()

    def _write(self, content: bytes) -> None:
        view = memoryview(content)
        while view:  # a nearly full disk takes a part first
            view = view[self._file.write(view) :]

    def _read(self, start: int) -> int:
        """Take over whole records; returns where they end in the file."""
        tiles, classes = self.scores.shape
        while self.done < tiles:
            count = min(self._batch, tiles - self.done)
            record = self._file.read(_RECORD.size + 4 * classes * count)
            if len(record) < _RECORD.size + 4 * classes * count:
                break
            payload = record[_RECORD.size :]
            if _RECORD.unpack_from(record) != (self.done // self._batch, zlib.crc32(payload)):
                break
            self.scores[self.done : self.done + count] = np.frombuffer(payload, "<f4").reshape(count, classes)
            self.done += count
            start += len(record)
        return start
