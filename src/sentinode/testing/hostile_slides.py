"""Slides of a few kilobytes that want to be read for minutes, into gigabytes, or for ever."""

import io
import struct
from collections.abc import Mapping

import numpy as np
from PIL import Image

from sentinode.core.extras import require
from sentinode.slides.tiff.directories import SUB_IFDS
from sentinode.slides.tiff.tiff_tags import (
    BITS,
    COMPRESSION,
    HEIGHT,
    PHOTOMETRIC,
    RESOLUTION_UNIT,
    SAMPLES,
    SUBFILE_TYPE,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_WIDTH,
    WIDTH,
    X_RESOLUTION,
    Y_RESOLUTION,
)
from sentinode.slides.tiff.tile_codec import JP2K, JPEG, RGB, YCBCR

_SHORT, _LONG, _RATIONAL = 3, 4, 5
_SIZES = {_SHORT: 2, _LONG: 4, _RATIONAL: 8}
_CENTIMETRE = 3
_STAIN = (150, 80, 160)

Tags = dict[int, tuple[int, list[int]]]


def one_tile_everywhere(side: int, tile_side: int, *, held_side: int | None = None, jpeg_2000: bool = False) -> bytes:
    """A square slide of one level whose tiles all lie at one place of the file.

    Args:
        side: Of the slide in px.
        tile_side: Of a tile, by the tags.
        held_side: Of the tile as it is stored; None: `tile_side`.
        jpeg_2000: How it is stored; else as JPEG.
    """
    held = held_side or tile_side
    tile = _jpeg_2000(held) if jpeg_2000 else _jpeg(held)
    count = (-(-side // tile_side)) ** 2
    tags = _tags(side, side, tile_side, JP2K if jpeg_2000 else JPEG, RGB if jpeg_2000 else YCBCR)
    tags |= {TILE_OFFSETS: (_LONG, [_FIRST] * count), TILE_BYTES: (_LONG, [len(tile)] * count)}
    return _tiff(tags, tile)


def repeated_sub_directories(side: int, tile_side: int, count: int) -> bytes:
    """A slide with `count` SubIFDs that are all one directory, which lists as many tiles as the slide's own."""
    tile = _jpeg(tile_side)
    tiles = (-(-side // tile_side)) ** 2
    listed: Tags = {TILE_OFFSETS: (_LONG, [_FIRST] * tiles), TILE_BYTES: (_LONG, [len(tile)] * tiles)}
    below = {**_tags(side, side, tile_side, JPEG, YCBCR), **listed, SUBFILE_TYPE: (_LONG, [1])}
    first = _FIRST + len(tile)
    stored = _directory(below, first, 0)
    own: Tags = {**_tags(side, side, tile_side, JPEG, YCBCR), **listed, SUB_IFDS: (_LONG, [first] * count)}
    return _tiff(own, tile + stored)


def endless_directories() -> bytes:
    """A slide whose one directory is followed by itself."""
    tile = _jpeg(256)
    tags = _tags(256, 256, 256, JPEG, YCBCR) | {TILE_OFFSETS: (_LONG, [_FIRST]), TILE_BYTES: (_LONG, [len(tile)])}
    start = _FIRST + len(tile)
    return _tiff(tags, tile, following=start)


_FIRST = 8
"""Place of the first byte behind a TIFF's header."""


def _tags(width: int, height: int, tile_side: int, compression: int, photometric: int) -> Tags:
    half_um = [20_000, 1]  # pixels a centimetre
    return {
        WIDTH: (_LONG, [width]), HEIGHT: (_LONG, [height]), BITS: (_SHORT, [8, 8, 8]),
        COMPRESSION: (_SHORT, [compression]), PHOTOMETRIC: (_SHORT, [photometric]), SAMPLES: (_SHORT, [3]),
        X_RESOLUTION: (_RATIONAL, half_um), Y_RESOLUTION: (_RATIONAL, half_um),
        RESOLUTION_UNIT: (_SHORT, [_CENTIMETRE]), TILE_WIDTH: (_LONG, [tile_side]), TILE_HEIGHT: (_LONG, [tile_side]),
    }  # fmt: skip


def _tiff(tags: Tags, content: bytes, following: int = 0) -> bytes:
    """A TIFF of one directory behind `content`, which begins at `_FIRST`."""
    start = _FIRST + len(content)
    return struct.pack("<2sHI", b"II", 42, start) + content + _directory(tags, start, following)


def _directory(tags: Mapping[int, tuple[int, list[int]]], start: int, following: int) -> bytes:
    """A directory that lies at `start`, with its values behind it (TIFF 6.0, section 2)."""
    entries, values = b"", b""
    behind = start + 2 + 12 * len(tags) + 4
    for tag, (kind, numbers) in sorted(tags.items()):
        packed = np.asarray(numbers, "<u2" if kind == _SHORT else "<u4").tobytes()
        count = len(packed) // _SIZES[kind]
        place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", behind + len(values))
        entries += struct.pack("<HHI", tag, kind, count) + place
        values += packed if len(packed) > 4 else b""
    return struct.pack("<H", len(tags)) + entries + struct.pack("<I", following) + values


def _jpeg(side: int) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (side, side), _STAIN).save(out, "JPEG", quality=50)
    return out.getvalue()


def _jpeg_2000(side: int) -> bytes:
    codecs = require("imagecodecs", extra="scan")
    pixels = np.full((side, side, 3), _STAIN, np.uint8)
    return bytes(codecs.jpeg2k_encode(pixels, level=0, reversible=True, codecformat="j2k"))
