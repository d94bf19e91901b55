"""Damage in JPEG tiles: what a lost sector leaves behind is found, and nothing sound is taken for damaged."""

import io
from pathlib import Path

import imagecodecs
import numpy as np
import pytest
from PIL import Image

from helpers import slide_files
from sentinode.slides.tiff.tiff_index import read_index
from sentinode.slides.tiff.tile_codec import DamagedTileError, refuse_damaged_jpeg

KINDS = ("ycbcr", "subsampled", "rgb", "grey", "optimised", "progressive")


def _encode(pixels: np.ndarray, kind: str) -> bytes:
    if kind in {"optimised", "progressive"}:
        held = io.BytesIO()
        Image.fromarray(pixels).save(held, "JPEG", optimize=True, progressive=kind == "progressive")
        return held.getvalue()
    if kind == "grey":
        return bytes(imagecodecs.jpeg8_encode(np.ascontiguousarray(pixels[..., 0])))
    if kind == "rgb":
        return bytes(imagecodecs.jpeg8_encode(pixels, colorspace="RGB", outcolorspace="RGB"))
    return bytes(imagecodecs.jpeg8_encode(pixels, subsampling="420" if kind == "subsampled" else "444"))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("content", ["picture", "white", "black", "noise", "steps"])
def test_what_is_sound_passes(kind: str, content: str) -> None:
    pixels = {
        "picture": slide_files.picture(256, 192),
        "white": np.full((192, 256, 3), 255, np.uint8),
        "black": np.zeros((192, 256, 3), np.uint8),
        "noise": np.random.default_rng(0).integers(0, 256, (192, 256, 3), dtype=np.uint8),
        "steps": np.repeat(np.arange(0, 192, 8, dtype=np.uint8), 8 * 256 * 3).reshape(192, 256, 3),
    }[content]
    refuse_damaged_jpeg(_encode(pixels, kind) + bytes(3), b"")


@pytest.mark.parametrize("kind", ["ycbcr", "subsampled", "rgb", "grey"])
@pytest.mark.parametrize(("value", "length"), [(0, 24), (0, 512), (255, 24), (255, 512)])
def test_overwritten_data(kind: str, value: int, length: int) -> None:
    sound = _encode(slide_files.picture(256, 192), kind)
    for start in np.linspace(700, len(sound) - length, 9).astype(int):
        damaged = bytearray(sound)
        damaged[start : start + length] = bytes([value]) * length
        with pytest.raises(DamagedTileError):
            refuse_damaged_jpeg(bytes(damaged), b"")


@pytest.mark.parametrize("kind", KINDS)
def test_data_that_stop(kind: str) -> None:
    sound = _encode(slide_files.picture(256, 192), kind)
    for share in (0.0, 0.3, 0.7, 0.999):
        part = sound[: int(share * len(sound))]
        for damaged in (part, part + bytes(len(sound) - len(part))):
            with pytest.raises(DamagedTileError):
                refuse_damaged_jpeg(damaged, b"")


def test_shared_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    slide_files.write_vips(path, slide_files.picture())
    level = read_index(path).levels[0]
    start, size = int(level.offsets[9]), int(level.sizes[9])
    tile = path.read_bytes()[start : start + size]
    refuse_damaged_jpeg(tile, level.coding.tables)
    with pytest.raises(DamagedTileError, match="zeros"):
        refuse_damaged_jpeg(tile[:200] + bytes(40) + tile[240:], level.coding.tables)
