"""The direct reader of tiled TIFF and SVS: the file's own tiles, decoded by the threads that ask for them."""

import os
import threading
from functools import partial
from pathlib import Path

import numpy as np

from sentinode.core.errors import SlideReadError
from sentinode.core.extras import require
from sentinode.core.messages import plural
from sentinode.slides.banded_reading import read_reduced
from sentinode.slides.mpp import mpp_from_properties
from sentinode.slides.reader import Pixels, Reader, ReaderFacts
from sentinode.slides.tiff.tiff_index import TiledLevel, read_index
from sentinode.slides.tiff.tile_cache import TileCache
from sentinode.slides.tiff.tile_codec import DamagedTileError

_WHITE = 255
_MOST_ASSOCIATED = 1 << 26
"""Pixels of an image beside the slide; a scanner's macro has some 2 million."""


class TiffReader(Reader):
    """A tiled TIFF or SVS file.

    Decoding and reading the file release the interpreter's lock, so that threads that call `read` run side by side.
    """

    def __init__(self, path: Path, cache_bytes: int, series: int | None = None) -> None:
        """Open `path`, or picture `series` in it, keeping at most `cache_bytes` of decoded tiles.

        Raises:
            UnsupportedSlideError: Another reader must take it (see `read_index`).
            SlideError: The file is truncated or damaged.
            MissingExtraError: The `scan` extra is not installed.
        """
        require("imagecodecs", extra="scan")
        index = read_index(path, series)
        self._levels = index.levels
        self._directories = index.associated
        self.facts = ReaderFacts(
            "tiff", path, tuple(level.level for level in index.levels), index.properties,
            *mpp_from_properties(index.properties), associated=tuple(sorted(index.associated)),
        )  # fmt: skip
        self.cache = TileCache(cache_bytes)
        self._file = path.open("rb", buffering=0)
        self._seeking = threading.Lock()

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        """Pixels of a rectangle in pixels of `level`. See `Reader.read`."""
        if self._file.closed or not 0 <= level < len(self._levels):
            state = "is closed" if self._file.closed else f"has {plural(len(self._levels), 'level')}"
            raise SlideReadError(f"{self.facts.path}: level {level} at ({x}, {y}) can't be read: the slide {state}")
        tiled = self._levels[level]
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width, tiled.level.width), min(y + height, tiled.level.height)
        if (left, top, right, bottom) == (x, y, x + width, y + height):
            out = np.empty((height, width, 3), np.uint8)
        else:
            out = np.full((height, width, 3), _WHITE, np.uint8)
        if right > left and bottom > top:
            self._fill(out[top - y : bottom - y, left - x : right - x], level, left, top)
        return out

    def read_into(self, level: int, x: int, y: int, out: Pixels, *, once: bool = False) -> None:
        """As `read`, into `out`: (height, width, 3) uint8, contiguous. See `Reader.read_into`."""
        if once and self._decode_into(level, x, y, out):
            return
        height, width = out.shape[:2]
        size = self._levels[level].level if 0 <= level < len(self._levels) and not self._file.closed else None
        if size and min(x, y) >= 0 and x + width <= size.width and y + height <= size.height:
            self._fill(out, level, x, y)
        else:
            out[...] = self.read(level, x, y, width, height)

    def read_associated(self, name: str) -> Pixels:
        """The associated image `name`. See `Reader.read_associated`."""
        if name not in self._directories:
            known = ", ".join(self.facts.associated) or "none"
            raise SlideReadError(f"{self.facts.path} has no associated image {name!r}; it has: {known}")
        tifffile = require("tifffile", extra="scan")
        try:
            with tifffile.TiffFile(self.facts.path) as file:
                page = file.pages[self._directories[name]]
                if page.imagewidth * page.imagelength > _MOST_ASSOCIATED:
                    size = f"{page.imagewidth:,}×{page.imagelength:,} px"
                    raise SlideReadError(f"{self.facts.path}: its {name} of {size} is none; it is not read")
                return np.ascontiguousarray(page.asarray()[..., :3])
        except (RuntimeError, ValueError, OSError) as error:
            raise SlideReadError(f"{self.facts.path}: its {name} can't be read: {error}") from error

    def close(self) -> None:
        """Let the file and the decoded tiles go."""
        self._file.close()
        self.cache.clear()

    def _fill(self, out: Pixels, level: int, left: int, top: int) -> None:
        # `out` lies within the level; each file tile that it touches is copied into its place.
        tiled = self._levels[level]
        tile_width, tile_height = tiled.coding.width, tiled.coding.height
        bottom, right = top + out.shape[0], left + out.shape[1]
        for row in range(top // tile_height, -(-bottom // tile_height)):
            y = row * tile_height
            upper, lower = max(top, y), min(bottom, y + tile_height)
            for column in range(left // tile_width, -(-right // tile_width)):
                x = column * tile_width
                near, far = max(left, x), min(right, x + tile_width)
                place = out[upper - top : lower - top, near - left : far - left]
                tile = self._tile(level, tiled, row * tiled.columns + column)
                place[...] = _WHITE if tile is None else tile[upper - y : lower - y, near - x : far - x]

    def _decode_into(self, level: int, x: int, y: int, out: Pixels) -> bool:
        # A rectangle that is one of the file's tiles needs no tile beside it, neither a new nor a kept one.
        if self._file.closed or not 0 <= level < len(self._levels):
            return False
        tiled = self._levels[level]
        column, left = divmod(x, tiled.coding.width)
        row, top = divmod(y, tiled.coding.height)
        if left or top or out.shape[:2] != (tiled.coding.height, tiled.coding.width) or x < 0 or y < 0:
            return False
        if x + tiled.coding.width > tiled.level.width or y + tiled.coding.height > tiled.level.height:
            return False  # a tile at the edge: what it holds beyond the level is to be white
        number = row * tiled.columns + column
        size = int(tiled.sizes[number])
        return size > 0 and tiled.coding.decode_into(self._bytes(int(tiled.offsets[number]), size), out)

    def _tile(self, level: int, tiled: TiledLevel, number: int) -> Pixels | None:
        if not tiled.sizes[number]:
            return self._left_out(level, tiled, number)
        # By its place in the file: where many tiles are one, as the blank ones of a sparse slide, it is decoded once.
        stored = (level, int(tiled.offsets[number]), int(tiled.sizes[number]))
        return self.cache.get(stored, lambda: self._decode(level, tiled, number))

    def _left_out(self, level: int, tiled: TiledLevel, number: int) -> Pixels | None:
        # A tile that the writer left out is background. Aperio's writers drop tiles of reduced levels that are not:
        # those are made from the next finer level, as OpenSlide does it.
        if level == 0 or self.facts.properties.get("openslide.vendor") != "aperio":
            return None
        row, column = divmod(number, tiled.columns)
        finer = self._levels[level - 1].level
        scale = finer.width / tiled.level.width, finer.height / tiled.level.height
        corner = column * tiled.coding.width * scale[0], row * tiled.coding.height * scale[1]
        return read_reduced(partial(self.read, level - 1), corner, scale, (tiled.coding.width, tiled.coding.height))

    def _decode(self, level: int, tiled: TiledLevel, number: int) -> Pixels:
        size = int(tiled.sizes[number])
        try:
            data = self._bytes(int(tiled.offsets[number]), size)
            room = self.cache.room((tiled.coding.height, tiled.coding.width, 3))
            return room if tiled.coding.decode_into(data, room) else tiled.coding.decode(data)
        except (DamagedTileError, OSError, ValueError) as error:  # ValueError: closed by another thread
            row, column = divmod(number, tiled.columns)
            x, y = column * tiled.coding.width, row * tiled.coding.height
            place = f"level {level}, tile {column},{row} at ({x}, {y})"
            raise SlideReadError(f"{self.facts.path}: {place} can't be read: {error}") from error

    def _bytes(self, offset: int, size: int) -> bytes:
        if hasattr(os, "pread"):
            return os.pread(self._file.fileno(), size, offset)
        with self._seeking:  # Windows
            self._file.seek(offset)
            return self._file.read(size)
