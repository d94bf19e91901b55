"""Uploaded images, decoded under limits: known by their first bytes, measured before a pixel is decoded, and whole.

What a file is called and what the client says of its type plays no part.
"""

import io
import struct
import zlib

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from PIL.TiffImagePlugin import COMPRESSION, TILEWIDTH

from sentinode.core.errors import DataError, ImageError
from sentinode.core.images import decode_image
from sentinode.core.jpeg_scans import END_OF_IMAGE, FRAMES, frame_size, jpeg_segments, refuse_many_scans
from sentinode.core.png_chunks import PNG_SIGNATURE, png_chunks, refuse_second_header
from sentinode.models.engines.engine import Engine
from sentinode.models.prediction import fitted
from sentinode.serving.problems import Problem
from sentinode.serving.serve_config import Limits

_NAME = "the image"
_SMALL_BYTES, _SMALL_PIXELS = 1 << 17, 1 << 15
_USUAL_PIXELS = 1 << 21
"""Times scans, where there are several."""
_JPEG_START, _START_OF_SCAN = b"\xff\xd8\xff", b"\xff\xda"
_TIFF_STARTS = (b"II*\0", b"MM\0*")
_UNCOMPRESSED = bytes(4)
"""Of a BMP: its field biCompression."""
_PLAIN_CODECS = frozenset({1, 5, 8, 32946, 32773})
"""Of TIFF: none, LZW, Deflate and PackBits."""
_FORMATS = "PNG, JPEG, TIFF, BMP or WebP"
_ZIP_END = b"PK\x05\x06"
_ZIP_TAIL = 22 + 65_535
"""A ZIP file is found from its end: a record of 22 bytes and a comment of at most 64 KiB."""


def decode_upload(content: bytes, limits: Limits) -> NDArray[np.uint8]:
    """The pixels of an uploaded image that is small: see `measure_upload` and `decode_measured`.

    Returns:
        (H, W, 3) uint8, RGB.
    """
    measure_upload(content, limits)
    return decode_measured(content)


def measure_upload(content: bytes, limits: Limits) -> tuple[int, int]:
    """(width, height) of an uploaded image, before a pixel is decoded.

    Args:
        content: The file.
        limits: `image_bytes` and `image_pixels` count.

    Raises:
        Problem: 413 where it is too large, 415 where it is of no known format, 422 where it is damaged, would be
            decoded again and again, or holds another file besides (a polyglot).
    """
    if len(content) > limits.image_bytes:
        raise Problem(
            413, f"the image has {len(content):,} bytes, {limits.image_bytes:,} are allowed; crop or shrink it"
        )
    if not content:
        raise Problem(422, "the image is empty (0 bytes); choose the file again")
    try:
        width, height = _measured(content)
    except (struct.error, IndexError) as error:
        raise Problem(422, "the image ends within its header; replace it") from error
    except ImageError as error:
        raise Problem(422, str(error)) from error
    if width * height > limits.image_pixels:
        raise Problem(
            413, f"the image is {width:,}×{height:,} px, {limits.image_pixels:,} pixels are allowed; cut it into tiles"
        )
    _refuse_polyglot(content)
    return width, height


def decode_measured(content: bytes) -> NDArray[np.uint8]:
    """The pixels of an image that was measured: (H, W, 3) uint8, RGB.

    Raises:
        Problem: 422 where it is damaged, or holds more than one image.
    """
    try:
        return decode_image(content, _NAME)
    except DataError as error:
        raise Problem(422, str(error)) from error
    except (struct.error, zlib.error, IndexError, KeyError, TypeError, OverflowError, MemoryError) as error:
        # Pillow's plugins let these through for some damaged files; whatever it was, it is no image.
        raise Problem(422, f"the image is damaged ({type(error).__name__}); replace it") from error


def is_usual(content: bytes, size: tuple[int, int]) -> bool:
    """Whether decoding is bounded by the number of pixels, and that is small: some tens of milliseconds at most."""
    width, height = size
    scans = content.count(_START_OF_SCAN) if content.startswith(_JPEG_START) else 1
    if width * height * scans > _USUAL_PIXELS:
        return False
    if content.startswith(b"BM"):
        return content[30:34] == _UNCOMPRESSED  # Pillow unpacks runs byte by byte
    return content[:4] not in _TIFF_STARTS or _is_plain_tiff(content)


def _is_plain_tiff(content: bytes) -> bool:
    # In strips, whose size the picture bounds, and by a codec whose time the pixels bound.
    try:
        with Image.open(io.BytesIO(content), formats=("TIFF",)) as image:
            tags = image.tag_v2  # type: ignore[attr-defined]
            return tags.get(COMPRESSION, 1) in _PLAIN_CODECS and TILEWIDTH not in tags
    except Exception:  # noqa: BLE001 - whatever is wrong with it, it is not plain
        return False


def is_small_png(content: bytes) -> bool:
    """Whether decoding takes no longer than a few tenths of a millisecond, by the file's first bytes."""
    if not content.startswith(PNG_SIGNATURE) or len(content) < 24 or len(content) > _SMALL_BYTES:
        return False
    width, height = struct.unpack_from(">II", content, 16)
    return int(width) * int(height) <= _SMALL_PIXELS


def fit(image: NDArray[np.uint8], engine: Engine, *, resize: bool) -> NDArray[np.uint8]:
    """The image as the model takes it.

    Raises:
        Problem: 422 where its size does not suit.
    """
    try:
        return fitted(image, "the image", engine, resize=resize, ask="ask with ?resize=true")
    except DataError as error:
        raise Problem(422, str(error)) from error


def _measured(content: bytes) -> tuple[int, int]:
    """(width, height) as the header says, of a file that ends where its format ends."""
    if content.startswith(PNG_SIGNATURE):
        return _png(content)
    if content.startswith(_JPEG_START):
        return _jpeg(content)
    if content.startswith(b"RIFF") and content[8:12] == b"WEBP":
        _ends_at(8 + int.from_bytes(content[4:8], "little"), content, "WebP")
        if b"ANIM" in content[12:64]:
            raise Problem(422, "the image is an animation; save the frame that is meant")
        return _by_pillow(content, "WEBP")
    if content.startswith(b"BM"):
        return _by_pillow(content, "BMP")
    if content[:4] in _TIFF_STARTS:
        return _by_pillow(content, "TIFF")
    raise Problem(415, f"the file is no image of a known format; send a {_FORMATS}")


def _png(content: bytes) -> tuple[int, int]:
    size = (0, 0)
    for kind, place, length in png_chunks(content, _NAME):
        if kind == b"IHDR" and length == 13:
            size = struct.unpack_from(">II", content, place)
        if kind == b"acTL":
            raise Problem(422, "the image is an animation; save the frame that is meant")
        if kind == b"IEND":
            _ends_at(place + length + 4, content, "PNG")
            refuse_second_header(content, _NAME)
            return size
    raise Problem(422, "the PNG is truncated; replace it")


def _jpeg(content: bytes) -> tuple[int, int]:
    size = (0, 0)
    for marker, place in jpeg_segments(content, _NAME):
        if marker == END_OF_IMAGE:
            _ends_at(place, content, "JPEG")
            refuse_many_scans(content, _NAME)
            return size
        if marker in FRAMES:
            size = frame_size(content, place)
    raise Problem(422, "the JPEG is truncated; replace it")


def _by_pillow(content: bytes, kind: str) -> tuple[int, int]:
    try:
        with Image.open(io.BytesIO(content), formats=(kind,)) as image:
            return image.size
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise Problem(413, f"the image is too large to be decoded ({error}); cut it into tiles") from error
    except Exception as error:
        raise Problem(422, f"the {kind} is truncated or damaged ({type(error).__name__}); replace it") from error


def _ends_at(place: int, content: bytes, kind: str) -> None:
    # Zeros are the padding of some writers; anything else is another file, or a hiding place.
    if place > len(content):
        raise Problem(422, f"the {kind} is truncated; replace it")
    if content[place:].strip(b"\0"):
        raise Problem(422, f"the {kind} is followed by {len(content) - place:,} bytes of something else; save it again")


def _refuse_polyglot(content: bytes) -> None:
    # TIFF and BMP may have gaps anywhere, and comments hold anything: the other file's own marks give it away.
    if b"%PDF-" in content[:1024] or _is_zip(content):
        raise Problem(422, "the image is at the same time a file of another kind; save it again from an image program")


def _is_zip(content: bytes) -> bool:
    """Whether an end-of-central-directory record ends with the file: chance alone makes no such length fit."""
    tail = content[-_ZIP_TAIL:]
    place = tail.rfind(_ZIP_END)
    while place >= 0:
        if (
            len(tail) - place >= 22
            and int.from_bytes(tail[place + 20 : place + 22], "little") == len(tail) - place - 22
        ):
            return True
        place = tail.rfind(_ZIP_END, 0, place)
    return False
