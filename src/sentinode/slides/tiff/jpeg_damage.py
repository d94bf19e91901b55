"""Damage in a JPEG tile that libjpeg decodes all the same.

libjpeg makes grey or garish pixels of damaged data and only warns, and imagecodecs does not pass the warning on. JPEG
has no checksum, so a few wrong bits can't be seen; what a lost sector, an erased block or a copy that stopped leaves
behind can, at the cost of some microseconds a tile: no end, bytes that entropy-coded data can't have, runs of zeros.
"""

import re
from collections.abc import Iterator

_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
_HUFFMAN_TABLES, _AC = 0xC4, 1
# In entropy-coded data 0xff is followed by 0 (stuffing) or is a restart marker (ITU-T T.81, F.1.2.3).
_NO_JPEG_DATA = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_STUFFED = {b"\0"}
_ZEROS = bytes(16)


class DamagedTileError(ValueError):
    """The bytes of a tile are not what its compression writes; the reader adds slide, level and place."""


def refuse_damaged_jpeg(data: bytes, tables: bytes) -> None:
    """Look for damage in a JPEG stream whose tables are its own or (an abbreviated stream) `tables`.

    Raises:
        DamagedTileError: Damage was found.
    """
    end = data.rfind(_END_OF_IMAGE)
    if end < 0 or data[end + 2 :].strip(b"\0"):
        raise DamagedTileError("its JPEG data have no end")
    start = data.find(_START_OF_SCAN)
    if start < 0:
        raise DamagedTileError("its JPEG data have no start")
    after = start + 2 + int.from_bytes(data[start + 2 : start + 4], "big")
    body = data[after:end]
    # Far cheaper than the expression, and decides for most: what follows each 0xff.
    if {piece[:1] for piece in body.split(b"\xff")[1:]} - _STUFFED:
        if _START_OF_SCAN in body:
            return  # progressive: what follows holds for a single scan
        if _NO_JPEG_DATA.search(body):
            raise DamagedTileError("its JPEG data are broken in the middle")
    if _ZEROS in body and not _blank_is_zeros(tables, data, data[start + 4 : after]):
        raise DamagedTileError("its JPEG data are overwritten with zeros")


def _blank_is_zeros(tables: bytes, data: bytes, scan_header: bytes) -> bool:
    # The first code of a Huffman table is all zeros. Where it means "end of block" in every table that the scan uses,
    # as in tables optimised for a blank tile, blank blocks are genuine runs of zeros. With the usual tables a block of
    # luma can't be written in zeros: its first code is a coefficient, and 16 zero bytes would be 40 of them in a row.
    symbols = dict(_ac_symbols(tables)) | dict(_ac_symbols(data))
    used = {scan_header[2 + 2 * component] & 15 for component in range(scan_header[0])}  # T.81, B.2.3
    return all(symbols.get(table, b"")[:1] == b"\0" for table in used)


def _ac_symbols(stream: bytes) -> Iterator[tuple[int, bytes]]:
    # Number of each Huffman table for AC coefficients, and its symbols in the order of their codes (T.81, B.2.4.2).
    place = 2
    while place + 4 <= len(stream) and stream[place] == 0xFF and stream[place + 1] != _START_OF_SCAN[1]:
        length = int.from_bytes(stream[place + 2 : place + 4], "big")
        segment = stream[place + 4 : place + 2 + length]
        while stream[place + 1] == _HUFFMAN_TABLES and len(segment) > 17:
            count = sum(segment[1:17])
            if segment[0] >> 4 == _AC:
                yield segment[0] & 15, segment[17 : 17 + count]
            segment = segment[17 + count :]
        place += 2 + length
