"""Decoding an image file to RGB uint8, converting only where no information is invented."""

import hashlib
import importlib
import io
import struct
import warnings
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError
from PIL.TiffImagePlugin import BITSPERSAMPLE, COMPRESSION, TiffImageFile

from sentinode.core.errors import DataNotFoundError, ImageError
from sentinode.core.jpeg_scans import refuse_many_scans
from sentinode.core.jpeg_tiff import decoded_as_stated
from sentinode.core.libtiff import silence_libtiff
from sentinode.core.png_chunks import PNG_SIGNATURE, refuse_second_header
from sentinode.core.tiff_pages import count_pages

IMAGE_SUFFIXES = frozenset({".tif", ".tiff", ".png", ".jpg", ".jpeg", ".bmp", ".webp"})
"""File name endings, in lower case, that are taken for images."""

_JPEG_START = b"\xff\xd8\xff"
_PNG_START, _PNG_HEADER_END = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", 33
_PLAIN_RGB = [8, 2, 0, 0, 0]
"""Bit depth, colour type, compression, filter and interlace methods in the header chunk (PNG specification 11.2.1)."""
_SMALL_PIXELS = 1 << 20
_TIFF_CODECS = frozenset({1, 2, 3, 4, 5, 7, 8, 32773, 32946})
"""Compressions of TIFF 6.0 and its notes, which every libtiff has: with them, what can't be decoded is damaged."""
_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_MOST_PAGES = 100
"""Pages that are counted."""
_SAVE = "save it as 8-bit RGB, as PNG or as TIFF with LZW"
_EXACT = {"RGB", "L", "P", "1"}  # each becomes RGB by copying or by looking up, with nothing made up


def read_image(path: Path) -> NDArray[np.uint8]:
    """Decode the image file at `path`.

    Args:
        path: A TIFF, PNG, JPEG, BMP or WebP file. Grey, palette and black-and-white images, and RGBA images that are
            opaque everywhere, are converted to RGB.

    Returns:
        (H, W, 3) uint8, RGB.

    Raises:
        DataNotFoundError: There is no such file.
        ImageError: The file is truncated, not an image, or of a mode whose conversion would invent information
            (16 bit, CMYK, partly transparent), or it has several pages.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError as error:
        raise DataNotFoundError(f"{path} does not exist; check the path") from error
    except OSError as error:
        raise ImageError(f"{path} can't be read: {error.strerror or error}; check the file") from error
    return decode_image(content, str(path))


def decode_image(content: bytes, name: str) -> NDArray[np.uint8]:
    """Decode the bytes of an image file; `name` is for messages. See `read_image`."""
    if (pixels := _plain_png(content)) is not None:
        return pixels
    if content.startswith(PNG_SIGNATURE):
        refuse_second_header(content, name)
    elif content.startswith(_JPEG_START):
        refuse_many_scans(content, name)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as image:
                _refuse_deep_or_paged(image, content, name)
                if isinstance(image, TiffImageFile):
                    silence_libtiff()
                stated = decoded_as_stated(image, content) if isinstance(image, TiffImageFile) else None
                if stated is not None:
                    return np.asarray(stated, dtype=np.uint8)
                _load(image, name)
                return _to_rgb(image, name)
    except UnidentifiedImageError as error:
        if content.startswith(_TIFF_STARTS):  # a compression or a kind of samples that Pillow has never heard of
            raise ImageError(f"{name} is a TIFF stored in a way that is not supported; {_SAVE}") from error
        raise ImageError(f"{name} is not an image that can be decoded; replace or remove it") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ImageError(f"{name} is too large to be a patch ({error}); cut it into tiles first") from error
    except (OSError, SyntaxError, ValueError, EOFError, TypeError) as error:  # Pillow's, of tags of another type
        if isinstance(error, ImageError):
            raise
        raise ImageError(f"{name} is truncated or damaged ({error}); replace or remove it") from error


def _load(image: Image.Image, name: str) -> None:
    """Decode, telling a codec that Pillow was built without from a damaged file."""
    try:
        image.load()
    except OSError as error:
        number = image.tag_v2.get(COMPRESSION, 1) if isinstance(image, TiffImageFile) else 1
        if number in _TIFF_CODECS:
            raise
        raise ImageError(f"{name} has compression number {number}, which is not supported; {_SAVE}") from error


def _plain_png(content: bytes) -> NDArray[np.uint8] | None:
    """The pixels of a small, undamaged PNG of 8-bit RGB without transparency; None for any other file.

    Patches are mostly such files. libspng takes three quarters of Pillow's time for one, all of it without the
    interpreter's lock, and is stricter with damage; what it refuses is Pillow's to name.
    """
    if not content.startswith(_PNG_START) or len(content) < _PNG_HEADER_END:
        return None
    width, height, *kind = struct.unpack_from(">IIBBBBB", content, 16)
    if kind != _PLAIN_RGB or width * height > _SMALL_PIXELS or b"tRNS" in content:
        return None
    if (codecs := _codecs()) is None:
        return None
    try:
        pixels: NDArray[np.uint8] = codecs.spng_decode(content)
    except codecs.SpngError:
        return None
    return pixels


@cache
def _codecs() -> Any:
    """imagecodecs, or None: the base install does without. A fifth of a second that many commands need not wait for."""
    try:
        return importlib.import_module("imagecodecs")
    except ModuleNotFoundError:
        return None


def pixel_hash(image: NDArray[np.uint8]) -> str:
    """16 hexadecimal digits (BLAKE2b over shape and bytes) that are equal for two images when all their pixels are."""
    digest = hashlib.blake2b(repr(image.shape).encode(), digest_size=8)
    digest.update(np.ascontiguousarray(image).data)
    return digest.hexdigest()


def _refuse_deep_or_paged(image: Image.Image, content: bytes, name: str) -> None:
    # Pillow cuts 16-bit RGB down to 8 bits, and takes the first page of many, without a word: the file itself is asked.
    bits = 8
    if image.format == "PNG":
        bits = content[24]  # the bit depth in the header chunk, PNG specification 11.2.1
    elif isinstance(image, TiffImageFile):
        bits = max(image.tag_v2.get(BITSPERSAMPLE, (1,)))
        if (pages := count_pages(content, _MOST_PAGES)) > 1:
            counted = f"{pages} pages" if pages < _MOST_PAGES else f"{pages} pages or more"
            raise ImageError(f"{name} has {counted}; save the one that is meant as a file of its own")
    if bits > 8:
        raise ImageError(f"{name} has {bits} bits a channel, whose range is not known; save it as 8-bit RGB")


def _to_rgb(image: Image.Image, name: str) -> NDArray[np.uint8]:
    if image.mode in _EXACT and "transparency" not in image.info:
        return np.asarray(image.convert("RGB"), dtype=np.uint8)
    if image.mode in {"RGBA", "LA", "PA", "P", "L", "RGB"}:
        rgba = np.asarray(image.convert("RGBA"), dtype=np.uint8)
        if (rgba[..., 3] == 255).all():
            return np.ascontiguousarray(rgba[..., :3])
        raise ImageError(f"{name} is partly transparent: its colours there are unknown; save it without transparency")
    depth = "16 bits or more a channel" if image.mode.startswith(("I", "F")) else f"colour mode {image.mode}"
    raise ImageError(f"{name} has {depth}, whose range is not known; save it as 8-bit RGB")
