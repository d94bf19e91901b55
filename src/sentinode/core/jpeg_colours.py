"""Which colours a JPEG stream says that it holds. TIFF's tags often say something else, and tiles are right."""

from functools import lru_cache
from typing import Literal, NamedTuple

from sentinode.core.jpeg_scans import FRAMES

Colours = Literal["RGB", "YCBCR"]

_JFIF, _ADOBE = (0xE0, b"JFIF\0"), (0xEE, b"Adobe")
_START_OF_SCAN = 0xDA
_FILL, _ALONE = 0xFF, frozenset({0x00, 0x01, *range(0xD0, 0xDA)})
"""What may stand before any marker, and markers without a segment (B.1.1.3)."""
_ADOBE_TRANSFORM = 15
"""Place of the transform in Adobe's segment: 0 none, 1 YCbCr (Adobe Technical Note 5116)."""


class JpegColours(NamedTuple):
    """What the head of a JPEG stream of three components tells of its colours."""

    stated: Colours | None
    """By JFIF's or Adobe's marker, or by components that are called R, G and B; None where none of them is there."""
    subsampled: bool
    """The components are not of one size, as nobody stores RGB."""
    size: tuple[int, int] | None = None
    """(width, height) by the frame; None where no frame comes before the first scan."""


@lru_cache(maxsize=64)
def jpeg_colours(header: bytes) -> JpegColours:
    """What a stream says of its colours, by the rule of libjpeg (`default_decompress_parms`), which all viewers share.

    JFIF goes before Adobe, Adobe before the components' names. Components 1, 2 and 3 without a marker mean YCbCr in a
    file of its own, but nothing in a TIFF, whose tag then decides.

    Args:
        header: The stream, or its part before the start of scan. The tiles of a slide mostly share it, so that the
            answer is known after the first.
    """
    jfif, transform = False, None
    ids, sampling, size = b"", b"", None
    place = 2
    while place + 4 <= len(header) and header[place] == 0xFF and header[place + 1] != _START_OF_SCAN:
        kind, length = header[place + 1], int.from_bytes(header[place + 2 : place + 4], "big")
        if kind == _FILL:  # T.81, B.1.1.2
            place += 1
            continue
        if kind in _ALONE or length < 2:  # a decoder may read on elsewhere than we would
            break
        segment = header[place + 4 : place + 2 + length]
        if kind == _JFIF[0] and segment.startswith(_JFIF[1]):
            jfif = True
        elif kind == _ADOBE[0] and segment.startswith(_ADOBE[1]) and len(segment) > _ADOBE_TRANSFORM - 4:
            transform = segment[_ADOBE_TRANSFORM - 4]
        elif kind in FRAMES and len(segment) > 5:
            ids, sampling = segment[6::3], segment[7::3]
            size = int.from_bytes(segment[3:5], "big"), int.from_bytes(segment[1:3], "big")
        place += 2 + length
    if len(ids) != 3:
        return JpegColours(None, subsampled=False, size=size)
    return JpegColours(_stated(ids, transform, jfif=jfif), len(set(sampling)) > 1, size)


def _stated(ids: bytes, transform: int | None, *, jfif: bool) -> Colours | None:
    if jfif:
        return "YCBCR"
    if transform is not None:
        return "YCBCR" if transform else "RGB"
    return "RGB" if ids == b"RGB" else None
