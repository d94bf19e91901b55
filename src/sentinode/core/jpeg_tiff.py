"""Patches in TIFF files of JPEG tiles whose tag is wrong about their colours: decoded as the tiles say."""

import io
from collections.abc import Iterator

from PIL import Image
from PIL.TiffImagePlugin import (
    COMPRESSION,
    JPEGTABLES,
    PHOTOMETRIC_INTERPRETATION,
    ROWSPERSTRIP,
    STRIPBYTECOUNTS,
    STRIPOFFSETS,
    TILELENGTH,
    TILEWIDTH,
    TiffImageFile,
)

from sentinode.core.jpeg_colours import jpeg_colours

_TILE_OFFSETS, _TILE_BYTES = 324, 325
_PLACES = ((_TILE_OFFSETS, STRIPOFFSETS), (_TILE_BYTES, STRIPBYTECOUNTS))
_JPEG, _RGB, _YCBCR = 7, 2, 6
_TAGGED = {_RGB: "RGB", _YCBCR: "YCBCR"}


def decoded_as_stated(image: TiffImageFile, content: bytes) -> Image.Image | None:
    """The picture, where its tiles or strips state other colours than the tag; None where they agree.

    libtiff, and so Pillow, goes by the tag. libjpeg goes by the markers (see `jpeg_colours`), so each tile is handed to
    it as a file of its own.

    Args:
        image: Opened and not yet loaded.
        content: The whole file.
    """
    tagged = _TAGGED.get(image.tag_v2.get(PHOTOMETRIC_INTERPRETATION, -1))
    if image.tag_v2.get(COMPRESSION) != _JPEG or tagged is None:
        return None
    pieces = list(_pieces(image, content))
    heads = [jpeg_colours(piece) for piece in pieces]
    held = {head.stated or ("YCBCR" if head.subsampled else tagged) for head in heads}
    if held == {tagged}:
        return None
    tables = image.tag_v2.get(JPEGTABLES, b"")
    width = image.tag_v2.get(TILEWIDTH, image.width)
    height = image.tag_v2.get(TILELENGTH, image.tag_v2.get(ROWSPERSTRIP, image.height))
    out = Image.new("RGB", image.size)
    across = -(-image.width // width)
    for number, piece in enumerate(pieces):
        stream = tables[:-2] + piece[2:] if tables else piece  # one stream from two: without the end, and the start
        with Image.open(io.BytesIO(stream)) as part:
            out.paste(part.convert("RGB"), (number % across * width, number // across * height))
    return out


def _pieces(image: TiffImageFile, content: bytes) -> Iterator[bytes]:
    """The bytes of each tile or strip."""
    tags = image.tag_v2
    offsets, sizes = (tags.get(tile, tags.get(strip, ())) for tile, strip in _PLACES)
    for offset, size in zip(offsets, sizes, strict=True):
        yield content[offset : offset + size]
