"""Writing a slide: a tiled JPEG pyramid from bands of rows, in memory for one row of tiles a level.

The layout is the generic tiled TIFF that OpenSlide and QuPath open: BigTIFF, levels as pages, each half of the one
before (2×2 means; an odd last row or column is dropped, as libvips does it), µm/px in the resolution tags.
"""

import tempfile
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO

import numpy as np

from sentinode.core.errors import SlideError
from sentinode.core.extras import require
from sentinode.core.files import atomic_file
from sentinode.slides.mpp import Mpp
from sentinode.slides.reader import Pixels

imagecodecs = require("imagecodecs", extra="scan")
tifffile = require("tifffile", extra="scan")

TILE_PX = 256
"""Width and height of the file's tiles: what most scanners write and most viewers ask for."""

_UM_PER_CM = 10_000.0


def write_pyramid(
    path: Path, bands: Iterable[Pixels], *, width: int, height: int, mpp: Mpp, quality: int = 85, threads: int = 2
) -> None:
    """Write a slide of `width` × `height` level-0 pixels to `path`, whole or not at all.

    Args:
        path: The file to make.
        bands: Rows from the top, each (any number, `width`, 3) uint8 RGB; `height` rows in all. An iterator is drawn
            from as the file grows.
        width: Of level 0, in pixels.
        height: Of level 0, in pixels.
        mpp: µm/px of level 0.
        quality: Of the JPEG tiles, 1 to 100. Colour is subsampled 2×2, as slide scanners do it.
        threads: Threads that encode tiles.

    Raises:
        SlideError: The bands are not of this width, or not of this height in all.
        StorageError: The disk is full or the folder can't be written.
    """
    # The spool lies beside the slide, where there is to be room for it, and has no name: nothing stays after a crash.
    with (
        atomic_file(path) as temporary,
        tempfile.TemporaryFile(dir=path.parent) as spool,
        ThreadPoolExecutor(threads) as pool,
    ):
        levels = _plan(width, height, _Encoder(pool, quality), spool)
        with tifffile.TiffWriter(temporary, bigtiff=True) as file:
            for number, level in enumerate(levels):
                tiles = _first_level(levels[0], _exactly(bands, width, height, path)) if number == 0 else level.tiles()
                file.write(
                    tiles,
                    shape=(level.height, level.width, 3),
                    dtype=np.uint8,
                    tile=(TILE_PX, TILE_PX),
                    photometric="ycbcr",
                    compression="jpeg",
                    subsampling=(2, 2),
                    subfiletype=int(number > 0),
                    resolution=tuple(_UM_PER_CM / (side * 2**number) for side in (mpp.x, mpp.y)),
                    resolutionunit="CENTIMETER",
                    metadata=None,
                )


@dataclass
class _Level:
    """One level on its way: rows wait until a row of tiles is whole, encoded tiles wait on the disk for their page."""

    width: int
    height: int
    encoder: "_Encoder"
    spool: IO[bytes]
    coarser: "_Level | None"
    places: list[tuple[int, int]] = field(default_factory=list)
    """Offset in the spool and size of each tile that was put aside."""
    waiting: list[Pixels] = field(default_factory=list)
    taken: int = 0

    def add(self, rows: Pixels) -> Iterator[bytes]:
        """Take further rows; yields the tiles that they complete."""
        while len(rows):
            due = min(TILE_PX, self.height - self.taken) - sum(map(len, self.waiting))
            self.waiting.append(rows[:due])
            rows = rows[due:]
            if len(self.waiting[-1]) == due:
                strip = np.concatenate(self.waiting)
                self.waiting, self.taken = [], self.taken + len(strip)
                yield from self._strip(strip)

    def _strip(self, strip: Pixels) -> Iterator[bytes]:
        if self.coarser:
            halved = halve(strip)[: self.coarser.height - self.coarser.received]
            for tile in self.coarser.add(halved):
                self.coarser.keep(tile)
        padded = np.pad(strip, ((0, TILE_PX - len(strip)), (0, -self.width % TILE_PX), (0, 0)), mode="edge")
        tiles = [np.ascontiguousarray(padded[:, x : x + TILE_PX]) for x in range(0, self.width, TILE_PX)]
        yield from self.encoder.encode(tiles)

    @property
    def received(self) -> int:
        """Rows that were given so far."""
        return self.taken + sum(map(len, self.waiting))

    def keep(self, tile: bytes) -> None:
        """Put an encoded tile aside until the finer levels are written."""
        self.places.append((self.spool.tell(), len(tile)))
        self.spool.write(tile)

    def tiles(self) -> Iterator[bytes]:
        """The tiles that were put aside, in order."""
        for offset, size in self.places:
            self.spool.seek(offset)
            yield self.spool.read(size)


@dataclass(frozen=True)
class _Encoder:
    pool: ThreadPoolExecutor
    quality: int

    def encode(self, tiles: list[Pixels]) -> Iterator[bytes]:
        """Each tile as a JPEG of its own, in order."""
        return self.pool.map(self._encode, tiles)

    def _encode(self, tile: Pixels) -> bytes:
        encoded: bytes = imagecodecs.jpeg8_encode(
            tile, level=self.quality, colorspace="RGB", outcolorspace="YCBCR", subsampling="420"
        )
        return encoded


def _plan(width: int, height: int, encoder: _Encoder, spool: IO[bytes]) -> list[_Level]:
    """The levels, finest first, down to one that is a single tile."""
    sizes = [(width, height)]
    while max(sizes[-1]) > TILE_PX and min(sizes[-1]) > 1:
        sizes.append((sizes[-1][0] // 2, sizes[-1][1] // 2))
    levels: list[_Level] = []
    for level_width, level_height in reversed(sizes):
        levels.insert(0, _Level(level_width, level_height, encoder, spool, levels[0] if levels else None))
    return levels


def _first_level(level: _Level, bands: Iterable[Pixels]) -> Iterator[bytes]:
    for band in bands:
        yield from level.add(band)


def _exactly(bands: Iterable[Pixels], width: int, height: int, path: Path) -> Iterator[Pixels]:
    rows = 0
    for band in bands:
        rows += len(band)
        if band.dtype != np.uint8 or band.shape[1:] != (width, 3) or rows > height:
            raise SlideError(
                f"{path}: rows {rows - len(band)} to {rows} are {band.dtype} of shape {band.shape}; a slide of {width} "
                f"× {height} pixels needs uint8 rows of ({width}, 3), {height} in all"
            )
        yield band
    if rows != height:
        raise SlideError(f"{path}: {rows} rows were given for a slide of {width} × {height} pixels; give {height}")


def halve(pixels: Pixels) -> Pixels:
    """2×2 means, rounded; an odd last row or column is dropped."""
    height, width = (side // 2 * 2 for side in pixels.shape[:2])
    even = pixels[:height, :width].astype(np.uint16)
    sums = even[0::2, 0::2] + even[1::2, 0::2] + even[0::2, 1::2] + even[1::2, 1::2]
    return ((sums + 2) >> 2).astype(np.uint8)
