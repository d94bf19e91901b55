"""The one pass that decodes a source's images into an array on the disk. It can be stopped at any moment."""

import errno
import io
import json
import os
import shutil
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import astuple, dataclass
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.errors import DataNotFoundError, ImageError, StorageError
from sentinode.core.images import pixel_hash
from sentinode.core.progress import Progress
from sentinode.core.tile_cover import cut, tile_count
from sentinode.data.source import Contextual, Source, has_context

# Pillow and zlib let go of the interpreter's lock while they decode; more threads than this wait for the disk.
_THREADS = 4
_BLOCK_BYTES = 32 << 20
_PHOTOGRAPHS = 8  # decoded between two looks at the disk: one of them may have tens of megabytes
_IMAGES_SAMPLED = 9
_JOURNAL = "journal.jsonl"
_SPARE_BYTES = 64 << 20  # left free beside the array, for the journal, the index and whoever else writes

Size = tuple[int, int]
"""Height and width in pixels."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What decoding one image found; the fields are those of `sentinode.data.pack.Pack.index`."""

    status: str
    detail: str = ""
    height: int = 0
    width: int = 0
    pixels: str = ""


def decode_all(source: Source, folder: Path, progress: Progress, tile_size: int | None = None) -> pd.DataFrame:
    """Decode every labelled image into `folder/tiles.npy`; go on from what an interrupted pass left there.

    Without a tile size, the array's size is the most common one; images of another size are noted, not kept. With one,
    every image is cut into tiles of it; smaller images are noted, not kept.

    Returns:
        The index of the pack, see `sentinode.data.pack.Pack.index`.

    Raises:
        StorageError: There is not enough space on the disk.
    """
    labelled = [number for number, record in enumerate(source.records) if record.label is not None]
    if tile_size is not None:
        cutting = CuttingPass(source, labelled, (tile_size, tile_size), folder)
        facts = cutting.run(progress)
        return _index(source, labelled, facts, [cutting.rows_of(fact) for fact in facts])
    size = _journalled_size(folder) or _sampled_size(source, labelled)
    facts = DecodingPass(source, labelled, size, folder).run(progress)
    sizes = Counter((fact.height, fact.width) for fact in facts if fact.height)
    if sizes and sizes[size] < max(sizes.values()):  # the sample misled: rare, and only where sizes differ widely
        facts = DecodingPass(source, labelled, sizes.most_common(1)[0][0], folder).run(progress)
    return _index(source, labelled, facts, [1] * len(facts))


class DecodingPass:
    """Decoding at one size. What is done is noted in a journal, always after the pixels are safe on the disk."""

    keeps_context = True
    """Whether a source's context is packed with its tiles."""

    def __init__(self, source: Source, labelled: Sequence[int], size: Size, folder: Path) -> None:
        self._source = source
        self._labelled = labelled
        self._size = size
        keeps = self.keeps_context and has_context(source)
        self._pairs = source if keeps and isinstance(source, Contextual) else None
        self._blank = np.zeros((*((2,) if self._pairs else ()), *size, 3), dtype=np.uint8)
        self._tiles = folder / "tiles.npy"
        self._journal = folder / _JOURNAL
        self._head = {"size": list(size), "images": len(labelled)}

    def run(self, progress: Progress) -> list[Fact]:
        """Decode what is left to decode; returns a fact for each labelled image."""
        facts = self._resume()
        self._check_all_fit(len(self._labelled) - len(facts))
        # Plain writes rather than a memory map: a map ends the process with a signal when the disk is full.
        with (
            self._tiles.open("ab") as tiles,
            self._journal.open("ab") as journal,
            ThreadPoolExecutor(_THREADS) as pool,
            progress.bar("packing", len(self._labelled), "images", done=len(facts)) as advance,
        ):
            for block in self._blocks(len(facts)):
                decoded = list(pool.map(self._decode, block))
                self._store(tiles, [stored for _, stored in decoded])
                facts += [fact for fact, _ in decoded]
                _append(journal, b"".join(json.dumps(astuple(fact)).encode() + b"\n" for fact, _ in decoded))
                advance(len(block))
        self._finish(facts)
        return facts

    def rows_of(self, fact: Fact) -> int:
        """How many rows of the array an image takes; here one, of zeros where the image could not be used."""
        del fact
        return 1

    def _check_all_fit(self, images: int) -> None:
        _check_space(self._tiles, images * self._blank.nbytes)

    def _store(self, file: BinaryIO, arrays: Sequence[NDArray[np.uint8]]) -> None:
        _append(file, b"".join(array.data for array in arrays))

    def _finish(self, facts: Sequence[Fact]) -> None:
        """Nothing is left to do: the array's header says from the start how many rows there will be."""

    def _blocks(self, done: int) -> Iterator[Sequence[int]]:
        length = max(_THREADS, _BLOCK_BYTES // self._blank.nbytes)
        for start in range(done, len(self._labelled), length):
            yield self._labelled[start : start + length]

    def _decode(self, index: int) -> tuple[Fact, NDArray[np.uint8]]:
        try:
            image = self._pairs.read_pair(index) if self._pairs else self._source.read(index)
        except DataNotFoundError as error:
            return Fact("missing", str(error)), self._blank
        except ImageError as error:
            return Fact("unreadable", str(error)), self._blank
        tile = image[0] if self._pairs else image  # what it is known by: its context may be that of another tile
        height, width = tile.shape[:2]
        stored = self._stored(image)
        fact = Fact("size" if stored is None else "packed", "", height, width, pixel_hash(tile))
        return fact, self._blank if stored is None else stored

    def _stored(self, image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        """What an image puts into the array; None: it has not the size for it."""
        return np.ascontiguousarray(image) if image.shape[-3:-1] == self._size else None

    def _resume(self) -> list[Fact]:
        """Cut both files down to what is whole in both of them; start them anew when they are of another pass."""
        facts = self._journalled_facts()
        start = self._write_header(io.BytesIO())
        whole = max(0, self._tiles.stat().st_size - start) // self._blank.nbytes if self._tiles.exists() else 0
        ends = np.cumsum([self.rows_of(fact) for fact in facts], dtype=np.int64)
        del facts[int(np.searchsorted(ends, whole, side="right")) :]
        if not facts:
            with self._tiles.open("wb") as tiles:
                self._write_header(tiles)
            self._journal.write_text(json.dumps(self._head) + "\n", encoding="utf-8")
            return []
        lines = self._journal.read_bytes().splitlines(keepends=True)
        os.truncate(self._journal, sum(map(len, lines[: 1 + len(facts)])))
        os.truncate(self._tiles, start + int(ends[len(facts) - 1]) * self._blank.nbytes)
        return facts

    def _journalled_facts(self) -> list[Fact]:
        facts: list[Fact] = []
        if _journal_head(self._journal.parent) != self._head:
            return facts
        for line in self._journal.read_bytes().splitlines(keepends=True)[1:]:
            if not line.endswith(b"\n"):
                break  # torn when the process was stopped
            facts.append(Fact(*json.loads(line)))
        return facts

    def _write_header(self, file: BinaryIO, rows: int | None = None) -> int:
        """Write the array's header; returns its bytes."""
        shape = (len(self._labelled) if rows is None else rows, *self._blank.shape)
        np.lib.format.write_array_header_1_0(file, {"descr": "|u1", "fortran_order": False, "shape": shape})
        return file.tell()


class CuttingPass(DecodingPass):
    """Decoding with every image cut into tiles of one size, as many as it takes; an unusable image takes none."""

    keeps_context = False  # that of an image says little of what lies around each of its tiles

    def rows_of(self, fact: Fact) -> int:
        """How many tiles an image has."""
        return tile_count(fact.height, fact.width, self._size[0]) if fact.status == "packed" else 0

    def _check_all_fit(self, images: int) -> None:
        """Left to each block: nobody knows the size of an image that was not read yet."""

    def _store(self, file: BinaryIO, arrays: Sequence[NDArray[np.uint8]]) -> None:
        found = [array for array in arrays if array is not self._blank]
        _check_space(self._tiles, sum(array.nbytes for array in found))
        super()._store(file, found)

    def _finish(self, facts: Sequence[Fact]) -> None:
        # The header was as long with the number of images: numpy leaves room in it for any number of rows.
        with self._tiles.open("r+b") as tiles:
            self._write_header(tiles, sum(map(self.rows_of, facts)))
            tiles.flush()
            os.fsync(tiles.fileno())

    def _blocks(self, done: int) -> Iterator[Sequence[int]]:
        for start in range(done, len(self._labelled), _PHOTOGRAPHS):
            yield self._labelled[start : start + _PHOTOGRAPHS]

    def _stored(self, image: NDArray[np.uint8]) -> NDArray[np.uint8] | None:
        return cut(image, self._size[0]) if min(image.shape[:2]) >= self._size[0] else None


def _journal_head(folder: Path) -> dict[str, Any] | None:
    try:
        with (folder / _JOURNAL).open("rb") as file:
            head = json.loads(file.readline())
    except (FileNotFoundError, ValueError):
        return None
    return head if isinstance(head, dict) else None


def _journalled_size(folder: Path) -> Size | None:
    head = _journal_head(folder)
    return (head["size"][0], head["size"][1]) if head else None


def _sampled_size(source: Source, labelled: Sequence[int]) -> Size:
    """The most common size among the first images that can be read; (1, 1) when none can."""
    sizes: Counter[Size] = Counter()
    for index in labelled:
        try:
            height, width = source.read(index).shape[:2]
        except (ImageError, DataNotFoundError):
            continue
        sizes[height, width] += 1
        if sizes.total() == _IMAGES_SAMPLED:
            break
    return sizes.most_common(1)[0][0] if sizes else (1, 1)


def _append(file: BinaryIO, content: bytes) -> None:
    file.write(content)
    file.flush()
    os.fsync(file.fileno())


def _check_space(tiles: Path, needed: int) -> None:
    free = shutil.disk_usage(tiles.parent).free
    if free < needed + _SPARE_BYTES:
        message = (
            f"packing needs {(needed + _SPARE_BYTES) / 1e9:.2f} GB below {tiles.parent.parent} and {free / 1e9:.2f} GB "
            "are free; free some space, or set SENTINODE_CACHE to a folder on a larger disk"
        )
        raise StorageError(errno.ENOSPC, message)


def _index(source: Source, labelled: Sequence[int], facts: Sequence[Fact], rows: Sequence[int]) -> pd.DataFrame:
    """The pack's index; `rows` says how many rows of the array each labelled image has taken."""
    count = len(source.records)
    table = pd.DataFrame([astuple(fact) for fact in facts], index=list(labelled), columns=list(Fact.__slots__))
    table["row"] = np.where(table["status"] == "packed", np.cumsum([0, *rows], dtype=np.int64)[:-1], -1)
    table = table.reindex(range(count))
    filled = {"status": "unlabelled", "detail": "", "pixels": "", "height": 0, "width": 0, "row": -1}
    table = table.fillna(filled).astype({"height": "int32", "width": "int32", "row": "int64"})
    table.insert(0, "id", [record.id for record in source.records])
    return table
