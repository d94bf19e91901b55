"""How many scans a JPEG stream may have: each costs a pass over all of the picture, and may be a few bytes."""

import re
from collections.abc import Iterator

from sentinode.core.errors import ImageError

MOST_SCANS = 100
"""libjpeg's script for a progressive picture has 10, programs that try for the smallest file use up to some 50."""
_MOST_WORK = 320_000_000
"""Pixels times scans: 20 scans of 16 million pixels, a few seconds of decoding."""
_START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
FRAMES = frozenset(range(0xC0, 0xD0)) - {0xC4, 0xC8, 0xCC}
"""Markers of a frame, SOFn, without DHT, JPG and DAC (T.81, B.1.1.3)."""
_COMMON_FRAMES = (b"\xff\xc0", b"\xff\xc1", b"\xff\xc2")
_MOST_SEGMENTS = 20_000
"""A scan has a few tables and itself; a colour profile is in segments of 64 KiB."""
_MARKER = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
_ALONE = frozenset({0x01, 0xD8, END_OF_IMAGE})


def refuse_many_scans(content: bytes, name: str) -> None:
    """Refuse a JPEG whose scans, or whose second frame, would be decoded for longer than any honest picture.

    Raises:
        ImageError: It has more than `MOST_SCANS`, more than 20 at 16 million pixels, or several frames.
    """
    if content.count(b"\xff\xda") <= 1 and sum(content.count(frame) for frame in _COMMON_FRAMES) <= 1:
        return  # as nearly all have it, and no walk is needed
    pixels, scans, frames = _walked(content, name)
    if frames > 1:
        raise ImageError(f"{name} is a JPEG with {frames} frames, which contradict each other; save it again")
    if scans > MOST_SCANS or scans * pixels > _MOST_WORK:
        message = f"{name} is a JPEG of {scans:,} scans over {pixels:,} pixels"
        raise ImageError(f"{message}; save it again, not progressive, or with the usual 10 scans")


def jpeg_segments(content: bytes, name: str) -> Iterator[tuple[int, int]]:
    """Each marker but those of restarts, and the place behind it, from the start of the image on (T.81, B.1.1).

    Raises:
        ImageError: There are more than any program writes.
    """
    place = 2
    for _ in range(_MOST_SEGMENTS):
        found = _MARKER.search(content, place)
        if found is None:
            return
        marker, place = content[found.start() + 1], found.end()
        yield marker, place
        if marker not in _ALONE:
            place += max(2, int.from_bytes(content[place : place + 2], "big"))
    raise ImageError(f"{name} is a JPEG of more than {_MOST_SEGMENTS:,} segments; save it again")


def frame_size(content: bytes, place: int) -> tuple[int, int]:
    """(width, height) of the frame whose segment is at `place` (B.2.2)."""
    sides = content[place + 3 : place + 7]
    return int.from_bytes(sides[2:], "big"), int.from_bytes(sides[:2], "big")


def _walked(content: bytes, name: str) -> tuple[int, int, int]:
    """Pixels, scans and frames."""
    pixels, scans, frames = 0, 0, 0
    for marker, place in jpeg_segments(content, name):
        if marker == END_OF_IMAGE:
            break
        if marker in FRAMES:
            frames += 1
            width, height = frame_size(content, place)
            pixels = width * height
        scans += marker == _START_OF_SCAN
    return pixels, scans, frames
