"""Files with a fault: bytes flipped, cut, spliced, and tags, lengths and sizes that their format understands.

By a generator with a seed, so that what was found can be found again.
"""

import random
import struct
import zlib
from collections.abc import Sequence

_ODD = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 4096, 65_535, 65_536, 1 << 24, (1 << 31) - 1, 1 << 31, (1 << 32) - 1)
_KINDS = range(1, 19)
_PNG, _JPEG = b"\x89PNG\r\n\x1a\n", b"\xff\xd8"


def mutated(content: bytes, others: Sequence[bytes], generator: random.Random) -> bytes:
    """A file with one to three faults.

    Args:
        content: A good one.
        others: Of which pieces are spliced in.
        generator: Decides everything.
    """
    changed = content
    for _ in range(generator.choice((1, 1, 1, 2, 3))):
        way = generator.choice((_cut, _flipped, None, _by_format, _by_format, _by_format))
        spliced = way is None and _spliced(changed, generator.choice(others), generator)
        changed = spliced or (way and way(changed, generator)) or content
    return changed


def _cut(content: bytes, generator: random.Random) -> bytes:
    start = generator.randrange(len(content))
    return (
        content[:start] if generator.random() < 0.5 else content[:start] + content[start + generator.randrange(500) :]
    )


def _flipped(content: bytes, generator: random.Random) -> bytes:
    changed = bytearray(content)
    among = len(changed) if generator.random() < 0.5 else min(len(changed), 600)  # where headers are
    for _ in range(generator.randrange(1, 40)):
        changed[generator.randrange(among)] = generator.choice((0, 1, 127, 128, 255, generator.randrange(256)))
    return bytes(changed)


def _spliced(content: bytes, other: bytes, generator: random.Random) -> bytes:
    start, place = generator.randrange(len(other)), generator.randrange(len(content))
    piece = other[start : start + generator.randrange(1, 5000)]
    behind = place + (len(piece) if generator.random() < 0.5 else 0)
    return content[:place] + piece + content[behind:]


def _by_format(content: bytes, generator: random.Random) -> bytes:
    if content.startswith((b"II", b"MM")):
        return _tiff_changed(content, generator)
    if content.startswith(_PNG):
        return _png_changed(content, generator)
    return _jpeg_changed(content, generator) if content.startswith(_JPEG) else _flipped(content, generator)


def _tiff_changed(content: bytes, generator: random.Random) -> bytes:
    """A tag of one of the directories with another number, type, count or value; or another next directory."""
    order = "<" if content.startswith(b"II") else ">"
    places = _directories(content, order)
    if not places:
        return _flipped(content, generator)
    place = generator.choice(places)
    (count,) = struct.unpack_from(order + "H", content, place)
    changed = bytearray(content)
    entry = place + 2 + 12 * generator.randrange(count + 1)
    value = generator.choice((*_ODD, place, *places))
    if entry == place + 2 + 12 * count or generator.random() < 0.1:
        _put(changed, place + 2 + 12 * count, order + "I", value)
    else:
        what = generator.randrange(4)
        if what == 0:
            _put(changed, entry, order + "H", generator.choice((254, 256, 257, 258, 259, 262, 277, 322, 323, 324, 330)))
        elif what == 1:
            _put(changed, entry + 2, order + "H", generator.choice(_KINDS))
        else:
            _put(changed, entry + 4 * what - 4, order + "I", value)  # the count, or the value
    return bytes(changed)


def _directories(content: bytes, order: str) -> list[int]:
    found: list[int] = []
    if len(content) < 8:
        return found
    (place,) = struct.unpack_from(order + "I", content, 4)
    while place and place not in found and place + 2 < len(content) and len(found) < 100:
        (count,) = struct.unpack_from(order + "H", content, place)
        end = place + 2 + 12 * count
        if end + 4 > len(content):
            break
        found.append(place)
        (place,) = struct.unpack_from(order + "I", content, end)
    return found


def _png_changed(content: bytes, generator: random.Random) -> bytes:
    """A chunk with another size of the picture, a wrong length, or a second time; its checksum is right."""
    places: list[int] = []
    place = len(_PNG)
    while place + 12 <= len(content):
        places.append(place)
        place += 12 + int(struct.unpack_from(">I", content, place)[0])
    if not places:
        return _flipped(content, generator)
    place = generator.choice(places)
    length = int(struct.unpack_from(">I", content, place)[0])
    kind, data, behind = content[place + 4 : place + 8], content[place + 8 : place + 8 + length], place + 12 + length
    what = generator.randrange(3)
    if what == 0 and data:
        changed = bytearray(data)
        _put(changed, generator.randrange(len(changed)), ">I", generator.choice(_ODD))
        return content[:place] + _chunk(kind, bytes(changed)) + content[behind:]
    if what == 1:
        return content[:place] + struct.pack(">I", generator.choice(_ODD)) + content[place + 4 :]
    return content[:behind] + content[place:behind] * generator.choice((1, 2, 100)) + content[behind:]


def _jpeg_changed(content: bytes, generator: random.Random) -> bytes:
    """A segment with another length or value, or many times."""
    places: list[int] = []
    place = 2
    while place + 4 <= len(content) and content[place] == 0xFF and len(places) < 1000:
        places.append(place)
        if content[place + 1] == 0xDA:
            break
        place += 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    if not places:
        return _flipped(content, generator)
    place = generator.choice(places)
    behind = place + 2 + int.from_bytes(content[place + 2 : place + 4], "big")
    what = generator.randrange(3)
    if what == 2:
        return content[:behind] + content[place:behind] * generator.choice((1, 2, 500)) + content[behind:]
    changed = bytearray(content)
    at = place + 2 if what == 0 else generator.randrange(place, max(place + 1, min(behind, len(content))))
    _put(changed, at, ">H", generator.choice(_ODD))
    return bytes(changed)


def _put(changed: bytearray, place: int, form: str, value: int) -> None:
    size = struct.calcsize(form)
    if place + size <= len(changed):
        struct.pack_into(form, changed, place, value & ((1 << 8 * size) - 1))


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
