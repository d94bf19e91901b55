"""Images of a few kilobytes that want to be decoded for minutes, or into more pixels than they say at first."""

import io
import struct
import zlib

import numpy as np
from PIL import Image

_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"


def repeated_scans(width: int, height: int, scans: int) -> bytes:
    """A progressive JPEG of one grey that has its last scan again and again, `scans` in all, each a few bytes.

    A decoder goes over all of the picture for each.
    """
    out = io.BytesIO()
    Image.new("RGB", (width, height), (120, 60, 150)).save(out, "JPEG", progressive=True)
    whole = out.getvalue()
    last = whole[whole.rindex(_START_OF_SCAN) : -2]
    missing = scans - whole.count(_START_OF_SCAN)
    return whole[:-2] + last * missing + _END_OF_IMAGE


def png_with_second_header(width: int, height: int, second_width: int, second_height: int) -> bytes:
    """A PNG whose second header says another size than the first, by which Pillow decodes it."""
    rows = zlib.compress(bytes(second_height * (1 + 3 * second_width)), 9)
    headers = [
        _chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
        for size in ((width, height), (second_width, second_height))
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join([*headers, _chunk(b"IDAT", rows), _chunk(b"IEND", b"")])


def tiff_of_directories(count: int, *, large: bool = False) -> bytes:
    """A TIFF, or a BigTIFF if `large`, of one grey pixel and `count` directories that all show it."""
    number, tags, place, head = ("<Q", "<HHQQ", "<Q", 16) if large else ("<H", "<HHII", "<I", 8)
    start = head + 8  # behind the pixel
    tag_list = [(256, 4, 1, 1), (257, 4, 1, 1), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1), (273, 4, 1, head),
                (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, 1, 1)]  # fmt: skip
    body = struct.pack(number, len(tag_list)) + b"".join(struct.pack(tags, *tag) for tag in tag_list)
    size = len(body) + struct.calcsize(place)
    offsets = start + size * np.arange(1, count + 1)
    offsets[-1] = 0
    directories = b"".join(body + struct.pack(place, int(offset)) for offset in offsets)
    first = struct.pack("<2sHHHQ", b"II", 43, 8, 0, start) if large else struct.pack("<2sHI", b"II", 42, start)
    return first + bytes(8) + directories


def _chunk(kind: bytes, content: bytes) -> bytes:
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
