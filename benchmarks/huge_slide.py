"""A slide of any size in a file of some megabytes: two JPEG tiles, tissue and glass, that repeat."""

import struct
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

SIDE_PX = 256
REDUCTIONS = (1, 4, 16)
_UM_PER_CM = 10_000
_LONG, _SHORT, _RATIONAL, _LONG8 = 4, 3, 5, 16  # TIFF 6.0 and BigTIFF types
_PATCH_TILES = 16
"""Tissue and glass change by so many tiles of level 0: the coarsest level shows each patch by a tile of its own."""


def write_huge_slide(path: Path, width: int, height: int, tissue: NDArray[np.uint8], *, mpp: float) -> None:
    """Write a BigTIFF of three levels whose tiles are `tissue` within three ellipses and glass outside.

    Args:
        path: Of the file.
        width: Level-0 pixels.
        height: Level-0 pixels.
        tissue: (256, 256, 3) uint8: every tissue tile of every level.
        mpp: µm/px of level 0.
    """
    glass = np.full((SIDE_PX, SIDE_PX, 3), 243, np.uint8)
    tiles = [imagecodecs.jpeg8_encode(pixels, level=80) for pixels in (glass, tissue)]
    content = bytearray(struct.pack("<2sHHHQ", b"II", 43, 8, 0, 0))
    starts = []
    for tile in tiles:
        starts.append(len(content))
        content += tile
    pointer = 8  # where the place of the next directory is to be written
    for reduction in REDUCTIONS:
        kinds = _kinds(width, height, reduction)
        offsets = len(content)
        content += np.array(starts, "<u8")[kinds].tobytes()
        sizes = len(content)
        content += np.array([len(tile) for tile in tiles], "<u4")[kinds].tobytes()
        resolution = struct.unpack("<Q", struct.pack("<II", _UM_PER_CM * 1000, round(mpp * reduction * 1000)))[0]
        tags = [
            (254, _LONG, 1, int(reduction > 1)), (256, _LONG, 1, width // reduction),
            (257, _LONG, 1, height // reduction), (258, _SHORT, 3, 0x800080008), (259, _SHORT, 1, 7),
            (262, _SHORT, 1, 6), (277, _SHORT, 1, 3), (282, _RATIONAL, 1, resolution), (283, _RATIONAL, 1, resolution),
            (296, _SHORT, 1, 3), (322, _LONG, 1, SIDE_PX), (323, _LONG, 1, SIDE_PX),
            (324, _LONG8, len(kinds), offsets), (325, _LONG, len(kinds), sizes), (530, _SHORT, 2, 0x20002),
        ]  # fmt: skip
        struct.pack_into("<Q", content, pointer, len(content))
        content += struct.pack("<Q", len(tags)) + b"".join(struct.pack("<HHQQ", *tag) for tag in tags)
        pointer = len(content)
        content += bytes(8)
    path.write_bytes(content)


def _kinds(width: int, height: int, reduction: int) -> NDArray[np.int64]:
    # For each tile of a level, row by row, 1 where the patch that it begins in is tissue.
    columns, rows = (-(-(side // reduction) // SIDE_PX) for side in (width, height))
    patch = SIDE_PX * _PATCH_TILES
    x = (np.arange(columns) * SIDE_PX * reduction // patch + 0.5) * patch / width
    y = (np.arange(rows) * SIDE_PX * reduction // patch + 0.5) * patch / height
    inside = [
        ((x[None, :] - across) / 0.17) ** 2 + ((y[:, None] - down) / 0.34) ** 2 < 1
        for across, down in ((0.2, 0.45), (0.55, 0.5), (0.85, 0.55))
    ]
    return np.logical_or.reduce(inside).astype(np.int64).ravel()
