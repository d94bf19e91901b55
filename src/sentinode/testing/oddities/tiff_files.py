"""TIFF files as converters and scanners write them, also where tags and tiles contradict each other."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from sentinode.core.extras import require
from sentinode.slides.reader import Pixels
from sentinode.testing.oddities.pictures import MPP

imagecodecs = require("imagecodecs", extra="scan")
tifffile = require("tifffile", extra="scan")

TILE_PX = 64
RESOLUTION = {"resolution": (10_000 / MPP, 10_000 / MPP), "resolutionunit": "CENTIMETER"}
JPEG, JPEG_XR, APERIO_JP2K_YCBCR, JP2K_LOSSY = 7, 22610, 33003, 33004
_LEFT_OUT = range(0xE0, 0xF0)  # APPn

Encode = Callable[[Pixels], bytes]
Stored = Literal["YCBCR", "RGB"]


def tiles_of(pixels: Pixels) -> Iterator[Pixels]:
    """Tiles of `TILE_PX`, row by row; those at the edge repeat its pixels."""
    height, width = pixels.shape[:2]
    beyond = [(0, -height % TILE_PX), (0, -width % TILE_PX), (0, 0)][: pixels.ndim]
    padded = np.pad(pixels, beyond, "edge")
    for y in range(0, height, TILE_PX):
        for x in range(0, width, TILE_PX):
            yield np.ascontiguousarray(padded[y : y + TILE_PX, x : x + TILE_PX])


def write_tiles(
    path: Path, pixels: Pixels, encode: Encode | Sequence[Encode], compression: int, photometric: str, **tags: Any
) -> None:
    """A tiled TIFF whose tiles are encoded by us, by each of `encode` in turn, and tagged as the caller says."""
    ways = [encode] if callable(encode) else list(encode)
    encoded = (ways[number % len(ways)](tile) for number, tile in enumerate(tiles_of(pixels)))
    if photometric == "ycbcr":
        tags = {"subsampling": (1, 1), **tags}
    elif compression == JPEG:
        tags = {"compressionargs": {"outcolorspace": "rgb"}, **tags}  # or tifffile tags RGB as YCbCr
    tifffile.imwrite(
        path, encoded, shape=pixels.shape, dtype=np.uint8, tile=(TILE_PX, TILE_PX), compression=compression,
        photometric=photometric, **{"metadata": None, **RESOLUTION, **tags},
    )  # fmt: skip


def write_plain(path: Path, pixels: Any, **tags: Any) -> None:
    """A tiled TIFF as tifffile writes it, LZW unless `tags` say otherwise."""
    known = {"tile": (TILE_PX, TILE_PX), "compression": "lzw", "photometric": "rgb", "metadata": None}
    tifffile.imwrite(path, pixels, **{**known, **RESOLUTION, **tags})


def jpeg(
    stored: Literal["YCBCR", "RGB"], subsampling: str = "444", ids: bytes = b"", *, markers: bool = True
) -> Encode:
    """How to encode a tile as JPEG.

    Args:
        stored: The colours of the stream.
        subsampling: Of its chroma.
        ids: Of its three components; empty: as libjpeg gives them.
        markers: Keep JFIF's or Adobe's marker, whichever libjpeg writes.
    """

    def encode(tile: Pixels) -> bytes:
        sampled = subsampling if stored == "YCBCR" else None
        stream = imagecodecs.jpeg8_encode(tile, level=95, colorspace="RGB", outcolorspace=stored, subsampling=sampled)
        return _rewritten(bytes(stream), ids, markers=markers)

    return encode


def jpeg_2000(stored: Stored, *, transform: bool = True, box: bool = False) -> Encode:
    """How to encode a tile as JPEG 2000, without loss but for YCbCr's rounding.

    Args:
        stored: The colours of the components.
        transform: The codestream has a transform of its own (RGB within).
        box: In a JP2 file's boxes, which name the colour space; else a bare codestream.
    """

    def encode(tile: Pixels) -> bytes:
        values = ycbcr(tile) if stored == "YCBCR" else tile
        stream: bytes = imagecodecs.jpeg2k_encode(
            values, level=0, reversible=True, mct=transform, codecformat="jp2" if box else "j2k"
        )
        return stream

    return encode


def ycbcr(rgb: Pixels) -> Pixels:
    """Full-range YCbCr (JFIF 1.02) of RGB."""
    red, green, blue = (rgb[..., n].astype(float) for n in range(3))
    luma = 0.299 * red + 0.587 * green + 0.114 * blue
    planes = [luma, 128 + (blue - luma) / 1.772, 128 + (red - luma) / 1.402]
    return np.stack(planes, axis=-1).round().clip(0, 255).astype(np.uint8)


def _rewritten(stream: bytes, ids: bytes, *, markers: bool) -> bytes:
    """A JPEG stream with other component ids, and without application markers (ITU-T T.81, B.1 and B.2)."""
    parts, place = [stream[:2]], 2
    while stream[place + 1] != 0xDA:
        length = 2 + int.from_bytes(stream[place + 2 : place + 4], "big")
        segment = bytearray(stream[place : place + length])
        if segment[1] == 0xC0 and ids:
            segment[10:19:3] = ids
        if markers or segment[1] not in _LEFT_OUT:
            parts.append(bytes(segment))
        place += length
    scan = bytearray(stream[place:])
    if ids:
        scan[5:11:2] = ids
    return b"".join([*parts, bytes(scan)])
