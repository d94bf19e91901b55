"""Decoding: what becomes RGB, what is refused, and what is said."""

import io
import struct
import sys
import zlib
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from PIL import Image

from sentinode.core.errors import DataNotFoundError, ImageError
from sentinode.core.images import decode_image, pixel_hash, read_image
from sentinode.core.libtiff import silence_libtiff

_RGB = np.random.default_rng(0).integers(0, 256, (5, 7, 3), dtype=np.uint8)
_GREY = _RGB[..., 0]


def _encoded(image: Image.Image, form: str = "PNG", **options: object) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, form, **options)
    return buffer.getvalue()


def _png_16_bit(pixels: np.ndarray) -> bytes:
    """A PNG of (H, W) or (H, W, 3) uint16 pixels; Pillow can't write one of more than one channel."""

    def chunk(name: bytes, content: bytes) -> bytes:
        checksum = zlib.crc32(name + content)
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)

    colour_type = 2 if pixels.ndim == 3 else 0
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, colour_type, 0, 0, 0)
    lines = b"".join(b"\0" + line.astype(">u2").tobytes() for line in pixels)
    chunks = chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(lines)) + chunk(b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + chunks


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
def test_rgb_is_read_as_it_is(form: str) -> None:
    assert np.array_equal(decode_image(_encoded(Image.fromarray(_RGB), form), "x"), _RGB)


@pytest.mark.parametrize("form", ["PNG", "TIFF", "BMP"])
def test_grey_is_copied_to_all_channels(form: str) -> None:
    decoded = decode_image(_encoded(Image.fromarray(_GREY), form), "x")
    assert np.array_equal(decoded, np.repeat(_GREY[..., None], 3, axis=2))


def test_black_and_white() -> None:
    decoded = decode_image(_encoded(Image.fromarray(_GREY > 128)), "x")
    assert np.array_equal(decoded[..., 1], np.where(_GREY > 128, 255, 0))


def test_palette_is_looked_up() -> None:
    palette = Image.fromarray(_RGB).quantize(16)
    assert np.array_equal(decode_image(_encoded(palette), "x"), np.asarray(palette.convert("RGB")))


def test_opaque_alpha_is_dropped() -> None:
    rgba = np.dstack([_RGB, np.full((5, 7), 255, np.uint8)])
    assert np.array_equal(decode_image(_encoded(Image.fromarray(rgba)), "x"), _RGB)


def test_transparent_pixel_is_refused() -> None:
    rgba = np.dstack([_RGB, np.full((5, 7), 255, np.uint8)])
    rgba[4, 6, 3] = 254
    with pytest.raises(ImageError, match=r"x\.png is partly transparent"):
        decode_image(_encoded(Image.fromarray(rgba)), "x.png")


def test_palette_and_grey_with_transparency_are_refused() -> None:
    palette = Image.fromarray(_RGB).quantize(4)
    for content in (_encoded(palette, transparency=0), _encoded(Image.fromarray(_GREY), transparency=int(_GREY[0, 0]))):
        with pytest.raises(ImageError, match="partly transparent"):
            decode_image(content, "x.png")


@pytest.mark.parametrize("shape", [(5, 7), (5, 7, 3)])
def test_16_bit_png_is_refused(shape: tuple[int, ...]) -> None:
    pixels = np.random.default_rng(0).integers(0, 65536, shape, dtype=np.uint16)
    with pytest.raises(ImageError, match=r"x\.png has 16 bits .*; save it as 8-bit RGB"):
        decode_image(_png_16_bit(pixels), "x.png")


def test_16_bit_tiff_is_refused() -> None:
    with pytest.raises(ImageError, match="16 bits"):
        decode_image(_encoded(Image.fromarray(_GREY.astype(np.uint16)), "TIFF"), "x.tif")


def test_16_bit_rgb_tiff_is_refused() -> None:
    tifffile = pytest.importorskip("tifffile", reason="nothing else here writes 16-bit RGB TIFF")
    buffer = io.BytesIO()
    tifffile.imwrite(buffer, _RGB.astype(np.uint16) * 257, photometric="rgb")
    with pytest.raises(ImageError, match="16 bits"):
        decode_image(buffer.getvalue(), "x.tif")


def test_float_tiff_is_refused() -> None:
    with pytest.raises(ImageError, match="32 bits"):
        decode_image(_encoded(Image.fromarray(_GREY.astype(np.float32)), "TIFF"), "x.tif")


@pytest.mark.parametrize("form", ["JPEG", "TIFF"])
def test_cmyk_is_refused(form: str) -> None:
    with pytest.raises(ImageError, match="colour mode CMYK"):
        decode_image(_encoded(Image.new("CMYK", (7, 5)), form), "x")


def test_several_pages_are_refused() -> None:
    content = _encoded(Image.fromarray(_RGB), "TIFF", save_all=True, append_images=[Image.fromarray(_RGB)])
    with pytest.raises(ImageError, match="has 2 pages"):
        decode_image(content, "x.tif")


@pytest.mark.parametrize("form", ["JPEG", "PNG", "TIFF", "BMP", "WEBP"])
def test_truncated_file_is_refused(form: str) -> None:
    image = Image.fromarray(np.random.default_rng(0).integers(0, 256, (64, 96, 3), dtype=np.uint8))
    content = _encoded(image, form)
    with pytest.raises(ImageError, match="x"):
        decode_image(content[: len(content) * 2 // 3], "x")


@given(st.data())
def test_truncated_jpeg_never_passes_for_whole(data: st.DataObject) -> None:
    whole = _encoded(Image.fromarray(_RGB), "JPEG")
    with pytest.raises(ImageError):
        decode_image(whole[: data.draw(st.integers(0, len(whole) - 20))], "x.jpg")


@pytest.mark.parametrize("content", [b"", b"this is text, not an image", b"\x89PNG\r\n\x1a\n"])
def test_what_is_no_image_is_refused_by_name(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "patch.png"
    file.write_bytes(content)
    with pytest.raises(ImageError, match=r"patch\.png .*replace or remove it"):
        read_image(file)


def test_missing_file(tmp_path: Path) -> None:
    with pytest.raises(DataNotFoundError, match="does not exist"):
        read_image(tmp_path / "none.png")


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="can't be read"):
        read_image(tmp_path)


def test_image_of_absurd_size_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 20)
    with pytest.raises(ImageError, match="too large to be a patch"):
        decode_image(_encoded(Image.fromarray(_RGB), "BMP"), "x")


def test_plain_pngs_are_decoded_as_pillow_does_damaged_or_not() -> None:
    generator = np.random.default_rng(3)
    image = generator.integers(0, 256, (40, 33, 3), dtype=np.uint8)
    whole = _encoded(Image.fromarray(image))
    assert np.array_equal(decode_image(whole, "x"), image)
    refused = 0
    for _ in range(300):
        damaged = bytearray(whole)
        damaged[generator.integers(8, len(whole))] ^= 1 << generator.integers(8)
        try:
            with Image.open(io.BytesIO(damaged)) as opened:
                expected = np.asarray(opened.convert("RGB"))
        except (OSError, SyntaxError, ValueError):
            expected = None
        try:
            found = decode_image(bytes(damaged), "x")
        except ImageError:
            refused += 1
            continue
        assert np.array_equal(found, expected)
    assert refused > 100


def test_a_transparent_colour_in_a_plain_png_is_seen() -> None:
    content = _encoded(Image.fromarray(_RGB), transparency=tuple(int(value) for value in _RGB[0, 0]))
    with pytest.raises(ImageError, match="transparent"):
        decode_image(content, "x")


@given(hnp.arrays(np.uint8, hnp.array_shapes(min_dims=3, max_dims=3, max_side=4)))
def test_pixel_hash_sees_shape_and_every_value(image: np.ndarray) -> None:
    changed = image.copy()
    changed[0, 0, 0] ^= 1
    assert pixel_hash(image) == pixel_hash(np.asfortranarray(image))
    assert pixel_hash(image) != pixel_hash(changed)
    assert len(pixel_hash(image)) == 16
    if image.shape[0] != image.shape[1]:
        assert pixel_hash(image) != pixel_hash(image.reshape(image.shape[1], image.shape[0], image.shape[2]))


@pytest.mark.parametrize("compression", ["tiff_lzw", "tiff_adobe_deflate", "jpeg"])
def test_libtiff_prints_nothing_of_its_own(tmp_path: Path, compression: str, capfd: pytest.CaptureFixture[str]) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)
    Image.fromarray(pixels).save(tmp_path / "whole.tif", compression=compression)
    content = (tmp_path / "whole.tif").read_bytes()
    strips = bytes(content[:100]) + bytes(400) + content[500:]
    (tmp_path / "damaged.tif").write_bytes(strips)
    with suppress(ImageError):
        read_image(tmp_path / "damaged.tif")
    assert capfd.readouterr() == ("", "")
    if sys.platform == "linux":
        assert silence_libtiff()  # else it was not asked to be silent
