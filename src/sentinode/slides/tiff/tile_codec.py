"""From the bytes of one tile of a TIFF file to RGB pixels. Everything here runs without the interpreter's lock held."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.core.extras import require
from sentinode.core.jpeg_colours import Colours, JpegColours, jpeg_colours
from sentinode.core.jpeg_scans import MOST_SCANS
from sentinode.core.messages import plural
from sentinode.slides.reader import Pixels
from sentinode.slides.tiff.jpeg_2000_head import decodes_to_rgb, sizes_of

# Compression (TIFF 6.0, its Technical Notes 2 and 3, and Aperio's private numbers)
NONE, LZW, JPEG, DEFLATE, DEFLATE_OLD = 1, 5, 7, 8, 32946
APERIO_JP2K_YCBCR, JP2K_LOSSY, APERIO_JP2K_RGB, JP2K = 33003, 33004, 33005, 34712
JPEG_2000 = frozenset({APERIO_JP2K_YCBCR, JP2K_LOSSY, APERIO_JP2K_RGB, JP2K})
"""Aperio's numbers, which Bio-Formats and QuPath also write, for RGB or YCbCr as it comes; 33004 is theirs alone."""
COMPRESSIONS = frozenset({NONE, LZW, JPEG, DEFLATE, DEFLATE_OLD}) | JPEG_2000
# PhotometricInterpretation
RGB, YCBCR = 2, 6

# JPEG (ITU-T T.81)
_START_OF_SCAN, _END_OF_IMAGE = b"\xff\xda", b"\xff\xd9"
_HUFFMAN_TABLES, _AC = 0xC4, 1
# In entropy-coded data 0xff is followed by 0 (stuffing) or is a restart marker (ITU-T T.81, F.1.2.3).
_NO_JPEG_DATA = re.compile(rb"\xff[^\x00\xd0-\xd7]")
_STUFFED = {b"\0"}
_ZEROS = bytes(16)
_MOST_COMPONENTS, _MOST_PARTS = 4, 4096
"""Of JPEG 2000: RGB and transparency; and tiles within the tile, down to 64 px in one of 4096."""

HORIZONTAL = 2
"""Predictor: each sample is stored as its difference from the one to its left."""


class DamagedTileError(ValueError):
    """The bytes of a tile are not what its compression writes; the reader adds slide, level and place."""


@dataclass(frozen=True)
class TileCodec:
    """How the tiles of one level are stored."""

    width: int
    height: int
    samples: int
    """3, or 4 of which the last is not looked at."""
    compression: int
    photometric: int
    aperio: bool
    """Whether Aperio wrote it, whose numbers of JPEG 2000 and whose RGB in JPEG without a marker are to be believed."""
    predictor: int
    tables: bytes
    """JPEG tables that the tiles share (TIFF Technical Note 2); empty where each has its own."""

    def decode_into(self, data: bytes, out: Pixels) -> bool:
        """Decode a JPEG tile into `out`, without memory of its own; whether that was possible.

        Args:
            data: Of the tile.
            out: (height, width, 3) uint8, contiguous. Where False is returned it holds anything, and `decode` has the
                pixels or the reason why there are none.
        """
        if self.compression != JPEG:
            return False
        codecs = require("imagecodecs", extra="scan")
        try:
            self._jpeg(codecs, data, out)
        except (RuntimeError, ValueError):  # another size, other colours, or damaged
            return False
        return True

    def decode(self, data: bytes) -> Pixels:
        """The tile's pixels, (height, width, 3) uint8, RGB.

        Raises:
            DamagedTileError: The data are damaged, or of another size.
        """
        codecs = require("imagecodecs", extra="scan")
        try:
            if self.compression == JPEG:
                tile = self._jpeg(codecs, data)
            elif self.compression in JPEG_2000:
                self._refuse_other_jpeg_2000(data)
                tile = codecs.jpeg2k_decode(data, numthreads=1)
            else:
                tile = self._plain(codecs, data)
        except (codecs.DelayedImportError, DamagedTileError):
            raise
        except (RuntimeError, ValueError) as error:  # imagecodecs' errors are RuntimeErrors
            raise DamagedTileError(str(error)) from error
        if tile.shape[:2] != (self.height, self.width) or tile.dtype != np.uint8:
            raise DamagedTileError(f"it has {tile.shape[1]}×{tile.shape[0]} px, not {self.width}×{self.height}")
        if tile.ndim != 3 or tile.shape[2] < 3:
            raise DamagedTileError("it has no three samples a pixel")
        if self.compression in JPEG_2000 and self._is_ycbcr(data):
            tile = rgb_of_ycbcr(tile[..., :3])
        return tile if tile.shape[2] == 3 else np.ascontiguousarray(tile[..., :3])

    def _colours(self, found: JpegColours) -> Colours:
        # Of a JPEG tile: what it says itself, or else what the tag says.
        if found.stated:
            return found.stated
        return "RGB" if self.photometric == RGB and (self.aperio or not found.subsampled) else "YCBCR"

    def _is_ycbcr(self, data: bytes) -> bool:
        # Of a JPEG 2000 tile: the vendor knows, then the tile, then the tag.
        if self.aperio and self.compression in {APERIO_JP2K_YCBCR, APERIO_JP2K_RGB}:
            return self.compression == APERIO_JP2K_YCBCR
        return self.photometric == YCBCR and not decodes_to_rgb(data)

    def _jpeg(self, codecs: object, data: bytes, out: Pixels | None = None) -> Pixels:
        start = refuse_damaged_jpeg(data, self.tables)
        decode = codecs.jpeg8_decode  # type: ignore[attr-defined]
        head = jpeg_colours(data[:start])
        if head.size is None:  # what looks like the first scan lies in another segment, such as a profile
            head = jpeg_colours(data)
        if head.size != (self.width, self.height):
            raise DamagedTileError(f"its JPEG data are of {_px(head.size)}, not {self.width}×{self.height} px")
        colours = self._colours(head)
        return decode(data, tables=self.tables or None, colorspace=colours, outcolorspace="RGB", out=out)  # type: ignore[no-any-return]

    def _refuse_other_jpeg_2000(self, data: bytes) -> None:
        # Before decoding: a tile of a few bytes may say that it has a thousand times the pixels of its place.
        found = sizes_of(data)
        if found is None or found[:2] != (self.width, self.height):
            raise DamagedTileError(f"its JPEG 2000 data are of {_px(found)}, not {self.width}×{self.height} px")
        if found[2] > _MOST_COMPONENTS or found[3] > _MOST_PARTS:
            raise DamagedTileError(f"its JPEG 2000 data have {found[2]:,} components and {found[3]:,} parts")

    def _plain(self, codecs: object, data: bytes) -> Pixels:
        size = self.width * self.height * self.samples
        if self.compression == LZW:
            data = codecs.lzw_decode(data, buffersize=size)  # type: ignore[attr-defined]
        elif self.compression in {DEFLATE, DEFLATE_OLD}:
            data = codecs.zlib_decode(data, out=size)  # type: ignore[attr-defined]
        if len(data) < size:
            raise DamagedTileError(f"it has {plural(len(data), 'byte')}, not {size:,}")
        tile = np.frombuffer(data, np.uint8, size).reshape(self.height, self.width, self.samples)
        return np.cumsum(tile, axis=1, dtype=np.uint8) if self.predictor == HORIZONTAL else tile


def _px(size: Sequence[int] | None) -> str:
    return f"{size[0]:,}×{size[1]:,} px" if size else "no known size"


def rgb_of_ycbcr(pixels: NDArray[np.uint8]) -> Pixels:
    """RGB from full-range YCbCr (JFIF 1.02), rounded to nearest."""
    luma = pixels[..., 0].astype(np.float32)
    blue, red = (pixels[..., n].astype(np.float32) - 128 for n in (1, 2))
    rgb = np.stack([luma + 1.402 * red, luma - 0.344136 * blue - 0.714136 * red, luma + 1.772 * blue], axis=-1)
    return np.clip(np.floor(rgb + 0.5), 0, 255).astype(np.uint8)


def refuse_damaged_jpeg(data: bytes, tables: bytes) -> int:
    """Look for damage in a JPEG stream whose tables are its own or (an abbreviated stream) `tables`.

    libjpeg makes grey or garish pixels of damaged data and only warns, and imagecodecs does not pass the warning on.
    JPEG has no checksum, so a few wrong bits can't be seen; what a lost sector, an erased block or a copy that stopped
    leaves behind can, at the cost of some microseconds a tile: no end, bytes that entropy-coded data can't have, runs
    of zeros.

    Returns:
        Where the start of scan is: the header ends there.

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
        if scans := body.count(_START_OF_SCAN):
            if scans >= MOST_SCANS:
                raise DamagedTileError(f"its JPEG data have {scans + 1:,} scans, {MOST_SCANS} are allowed")
            return start  # progressive: what follows holds for a single scan
        if _NO_JPEG_DATA.search(body):
            raise DamagedTileError("its JPEG data are broken in the middle")
    if _ZEROS in body and not _blank_is_zeros(tables, data, data[start + 4 : after]):
        raise DamagedTileError("its JPEG data are overwritten with zeros")
    return start


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
