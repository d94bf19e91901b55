"""Every labelled image of a source decoded once, into one memory-mapped array: what training reads from then on."""

import shutil
import time
from contextlib import suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.core.errors import BusyError
from sentinode.core.files import atomic_file, storage_errors, write_json
from sentinode.core.progress import Progress
from sentinode.core.result_folder import locked
from sentinode.core.tile_cover import joined, tile_count, tiles_along
from sentinode.data.decoder import decode_all
from sentinode.data.source import Exclusion, Source
from sentinode.data.tile_map import map_tiles

_FORGOTTEN_S = 7 * 24 * 3600
"""Since the last image that was added: then a pack that was never finished makes room."""

_PAIRS = 5
"""Dimensions of an array that has contexts, too."""

_VERSION = 1  # counted up when the form of a pack changes: packs of an older form are then made anew


@dataclass(frozen=True)
class Pack:
    """The pixels of a source, and the facts that decoding found. It knows no labels and no policy."""

    folder: Path
    """Holds tiles.npy, index.parquet and pack.json."""

    fingerprint: str
    """The source's, which the pack is kept under."""

    tile_size: int | None = None
    """Side of the tiles that images were cut into; None: each image is one tile."""

    @cached_property
    def tiles(self) -> NDArray[np.uint8]:
        """(M, H, W, 3) uint8, RGB, a read-only memory map of which little is ever resident.

        A row whose image could not be used is zero.

        Of images that were cut into tiles, the tiles, each image's side by side in the order of `covering.cut`.
        """
        packed = map_tiles(self.folder / "tiles.npy")
        return packed.first_of_pairs() if packed.ndim == _PAIRS else packed

    @cached_property
    def pairs(self) -> NDArray[np.uint8] | None:
        """(M, 2, H, W, 3) uint8: each tile before its context; None where the source knows none."""
        packed = map_tiles(self.folder / "tiles.npy")
        return packed if packed.ndim == _PAIRS else None

    @cached_property
    def index(self) -> pd.DataFrame:
        """One line for each of the source's records, in its order.

        Columns: `id`; (first) `row` in the tiles, -1 where there is none; `status` (packed, size, missing, unreadable,
        or unlabelled: not decoded); `detail`; `height` and `width` in pixels, 0 where not decoded; `pixels`, 16
        hexadecimal digits of BLAKE2b over shape and bytes of the whole image.
        """
        return pd.read_parquet(self.folder / "index.parquet")

    @cached_property
    def _sizes(self) -> dict[int, tuple[int, int]]:
        """Height and width of each packed image, by its first row."""
        packed = self.index[self.index["row"] >= 0]
        return dict(zip(packed["row"], zip(packed["height"], packed["width"], strict=True), strict=True))

    def image(self, row: int) -> NDArray[np.uint8]:
        """The whole image (H, W, 3) whose first row this is."""
        if self.tile_size is None:
            return self.tiles[row]  # type: ignore[no-any-return]
        return joined(self.tiles[row : row + self.count(row)], *self._sizes[row])

    def count(self, row: int) -> int:
        """Tiles of the image whose first row this is."""
        return 1 if self.tile_size is None else tile_count(*self._sizes[row], self.tile_size)

    def central(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """One row of each image, given by its first: its only tile, or one in its middle."""
        return np.array([row + self._middle(row) for row in rows.tolist()], dtype=np.int64)

    def _middle(self, row: int) -> int:
        if self.tile_size is None:
            return 0
        down, across = (tiles_along(length, self.tile_size) for length in self._sizes[row])
        return int(down // 2 * across + across // 2)

    @property
    def exclusions(self) -> tuple[Exclusion, ...]:
        """Images that could not be decoded."""
        bad = self.index[self.index["status"].isin(("missing", "unreadable"))]
        return tuple(
            Exclusion(f"{status} image", name, detail)
            for status, name, detail in zip(bad["status"], bad["id"], bad["detail"], strict=True)
        )


def pack(source: Source, cache: Path, progress: Progress, tile_size: int | None = None) -> Pack:
    """The pack of `source`, made now if the cache does not hold it yet.

    Stopped at any moment, the next call goes on where it was. Of two processes that start at once, one works and the
    other waits for it. Nothing half-made ever has the final name.

    Args:
        source: Where the images come from.
        cache: Folder that packs are kept in, below `packs/`.
        progress: Where to show how far it is.
        tile_size: Side of the tiles to cut images into; None: images are all of one size and stay whole.

    Raises:
        StorageError: The disk is too full, or the cache can't be written.
    """
    fingerprint = source.fingerprint()
    kind = f"{_VERSION}" if tile_size is None else f"{_VERSION}-{tile_size}"
    folder = cache / "packs" / f"{fingerprint[:32]}-{kind}"
    if not folder.is_dir():
        _make(source, folder, fingerprint, progress, tile_size)
    return Pack(folder, fingerprint, tile_size)


def _make(source: Source, folder: Path, fingerprint: str, progress: Progress, tile_size: int | None) -> None:
    partial = folder.with_name(f"{folder.name}.partial")
    with storage_errors(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
        with locked(folder.with_name(f"{folder.name}.lock"), wait=True):
            if folder.is_dir():  # another process made it while this one waited for the lock
                return
            partial.mkdir(exist_ok=True)
            index = decode_all(source, partial, progress, tile_size)
            with atomic_file(partial / "index.parquet") as temporary:
                index.to_parquet(temporary)
            facts = {"version": _VERSION, "fingerprint": fingerprint, "address": source.address, "images": len(index)}
            write_json(partial / "pack.json", facts)
            partial.replace(folder)
        _remove_forgotten(folder.parent)


def _remove_forgotten(packs: Path) -> None:
    """Remove what was begun of data that nobody asked for since: it has changed, or was a trial."""
    for partial in packs.glob("*.partial"):
        written = max((file.stat().st_mtime for file in (partial, *partial.iterdir())), default=time.time())
        if time.time() - written < _FORGOTTEN_S:
            continue
        with suppress(BusyError), locked(partial.with_suffix(".lock")):  # whoever writes it holds the lock
            shutil.rmtree(partial, ignore_errors=True)
