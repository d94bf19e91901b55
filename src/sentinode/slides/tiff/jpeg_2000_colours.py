"""Whether a JPEG 2000 tile says that it holds RGB (ISO 15444-1): in a JP2 file's boxes, or as a bare codestream."""

_CODESTREAM = b"\xff\x4f\xff\x51"  # SOC, and SIZ, which comes second (A.5.1)
_CODING_STYLE, _START_OF_TILE = 0x52, 0x90
_COLOUR_BOX, _ENUMERATED = b"colr", 1
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


def _is_transformed(codestream: bytes) -> bool:
    place = 2
    while place + 4 <= len(codestream) and codestream[place] == 0xFF and codestream[place + 1] != _START_OF_TILE:
        if codestream[place + 1] == _CODING_STYLE:
            return codestream[place + 8 : place + 9] == b"\1"  # SGcod: progression, layers, transform (A.6.1)
        place += 2 + int.from_bytes(codestream[place + 2 : place + 4], "big")
    return False
