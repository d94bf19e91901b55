"""The chunks of a PNG file (PNG specification 5.3), found without decoding anything."""

import struct
from collections.abc import Iterator

from sentinode.core.errors import ImageError

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_HEADER = b"IHDR"
_MOST_CHUNKS = 1 << 16
"""16 MiB in chunks of 256 bytes; libpng writes 8 KiB into each."""


def png_chunks(content: bytes, name: str) -> Iterator[tuple[bytes, int, int]]:
    """Type, place of the data and length of each chunk, up to the end of the file or of what is left of it.

    Raises:
        ImageError: There are more than any program writes.
    """
    place = len(PNG_SIGNATURE)
    for _ in range(_MOST_CHUNKS):
        if place + 12 > len(content):
            return
        length, kind = struct.unpack_from(">I4s", content, place)
        yield kind, place + 8, length
        place += 12 + length
    raise ImageError(f"{name} is a PNG of more than {_MOST_CHUNKS:,} chunks; save it again")


def refuse_second_header(content: bytes, name: str) -> None:
    """Refuse a PNG with two headers: Pillow decodes by the last one, whatever was measured by the first.

    Raises:
        ImageError: It has two.
    """
    if content.count(_HEADER) > 1 and sum(kind == _HEADER for kind, _, _ in png_chunks(content, name)) > 1:
        raise ImageError(f"{name} is a PNG with a second header, which contradicts the first; save it again")
