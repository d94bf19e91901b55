"""What a JPEG 2000 tile says of itself (ISO 15444-1), in a JP2 file's boxes or as a bare codestream: colours, sizes."""

import struct

_CODESTREAM = b"\xff\x4f\xff\x51"  # SOC, and SIZ, which comes second (A.5.1)
_CODING_STYLE, _START_OF_TILE = 0x52, 0x90
_COLOUR_BOX, _ENUMERATED = b"colr", 1
_BOX_OF_CODESTREAM = b"jp2c"
_MOST_BOXES = 100
_HEAD = 1024
"""Bytes in which boxes and the codestream's main header begin."""


def decodes_to_rgb(tile: bytes) -> bool:
    """Whether the tile itself says that its decoder gives RGB. False: it says nothing, and tag or vendor must know.

    It does by a colour box (I.5.3.3; imagecodecs converts what the box calls sYCC), or where the codestream has a
    transform of its own, which starts from RGB (G.2, G.3).
    """
    head = tile[:_HEAD]
    start = head.find(_CODESTREAM)
    box = head.find(_COLOUR_BOX, 0, max(start, 0))
    return start >= 0 and ((box >= 0 and head[box + 4] == _ENUMERATED) or _is_transformed(head[start:]))


def sizes_of(tile: bytes) -> tuple[int, int, int, int] | None:
    """Width, height, components and tiles of the codestream (A.5.1); None where a decoder would not find one either."""
    start = 0 if tile.startswith(_CODESTREAM) else _codestream_in_boxes(tile)
    if start is None or len(tile) < start + 42 or not tile.startswith(_CODESTREAM, start):
        return None
    right, lower, left, upper, tile_width, tile_height, tile_left, tile_upper = struct.unpack_from(
        ">8I", tile, start + 8
    )
    if not tile_width or not tile_height:
        return None
    tiles = -(-(right - tile_left) // tile_width) * -(-(lower - tile_upper) // tile_height)
    return right - left, lower - upper, int.from_bytes(tile[start + 40 : start + 42], "big"), tiles


def _codestream_in_boxes(tile: bytes) -> int | None:
    # A box: its length, its type, and where the length is 1 a longer one (I.4).
    place = 0
    for _ in range(_MOST_BOXES):
        if place + 8 > len(tile):
            return None
        length, kind = struct.unpack_from(">I4s", tile, place)
        head = 16 if length == 1 else 8
        if kind == _BOX_OF_CODESTREAM:
            return place + head
        if length == 1:
            length = int.from_bytes(tile[place + 8 : place + 16], "big")
        if length < head:
            return None
        place += length
    return None


def _is_transformed(codestream: bytes) -> bool:
    place = 2
    while place + 4 <= len(codestream) and codestream[place] == 0xFF and codestream[place + 1] != _START_OF_TILE:
        if codestream[place + 1] == _CODING_STYLE:
            return codestream[place + 8 : place + 9] == b"\1"  # SGcod: progression, layers, transform (A.6.1)
        place += 2 + int.from_bytes(codestream[place + 2 : place + 4], "big")
    return False
