"""Images whose few bytes would be decoded for minutes, or into more than was measured: counted before decoding."""

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image

from sentinode.core.errors import ImageError
from sentinode.core.images import decode_image
from sentinode.core.jpeg_scans import MOST_SCANS
from sentinode.core.tiff_pages import count_pages
from sentinode.testing.hostile_images import png_with_second_header, repeated_scans, tiff_of_directories


def _saved(kind: str, **options: bool) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(3).integers(0, 256, (40, 50, 3), np.uint8)
    Image.fromarray(pixels).save(out, kind, **options)
    return out.getvalue()


def test_an_honest_progressive_jpeg_is_read() -> None:
    content = _saved("JPEG", progressive=True)
    assert content.count(b"\xff\xda") > 5
    assert decode_image(content, "a.jpg").shape == (40, 50, 3)


@pytest.mark.parametrize(("side", "scans"), [(64, MOST_SCANS + 1), (4000, 21)])
def test_a_jpeg_of_repeated_scans_is_refused_before_it_is_decoded(side: int, scans: int) -> None:
    with pytest.raises(ImageError, match=rf"a\.jpg is a JPEG of {scans} scans over .*not progressive"):
        decode_image(repeated_scans(side, side, scans), "a.jpg")


def test_as_many_scans_as_are_allowed_are_read() -> None:
    assert decode_image(repeated_scans(64, 64, MOST_SCANS), "a.jpg").shape == (64, 64, 3)


def test_a_jpeg_of_two_frames_is_refused() -> None:
    content = _saved("JPEG")
    frame = content.index(b"\xff\xc0")
    segment = content[frame : frame + 2 + int.from_bytes(content[frame + 2 : frame + 4], "big")]
    with pytest.raises(ImageError, match="2 frames"):
        decode_image(content[:frame] + segment + content[frame:], "a.jpg")


def test_a_png_with_a_second_header_is_refused() -> None:
    with pytest.raises(ImageError, match=r"a\.png is a PNG with a second header"):
        decode_image(png_with_second_header(30, 20, 9000, 9000), "a.png")


def test_a_header_that_is_only_spoken_of_is_none() -> None:
    content = _saved("PNG")
    text = b"tEXt\0IHDR"
    chunk = struct.pack(">I", len(text) - 4) + text + struct.pack(">I", zlib.crc32(text))
    assert decode_image(content[:33] + chunk + content[33:], "a.png").shape == (40, 50, 3)


@pytest.mark.parametrize("large", [False, True])
def test_directories_are_counted_up_to_a_bound(large: bool) -> None:
    content = tiff_of_directories(5000, large=large)
    assert [count_pages(content, most) for most in (1, 100, 10_000)] == [1, 100, 5000]
    assert count_pages(content[:1000], 10_000) < 100  # cut off
    assert count_pages(b"II*\0" + bytes(4), 9) == 0


def test_a_tiff_of_many_directories_is_refused_without_walking_them_all() -> None:
    with pytest.raises(ImageError, match=r"a\.tif has 100 pages or more; save the one"):
        decode_image(tiff_of_directories(80_001), "a.tif")
