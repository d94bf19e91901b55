"""A slide asked for in µm/px: levels, refusals, reading, thumbnails, tiles read ahead."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import slide_files
from sentinode.core.errors import SlideError, SlideNotFoundError, SlideReadError, UnsupportedSlideError
from sentinode.slides import banded_reading
from sentinode.slides.buffers import Buffers
from sentinode.slides.mpp import Mpp
from sentinode.slides.reader import Pixels
from sentinode.slides.slide import LevelChoice, Slide, open_slide
from sentinode.slides.tiff.tiff_reader import TiffReader
from sentinode.slides.tile_batches import read_batches


@pytest.fixture
def pixels() -> np.ndarray:
    return slide_files.picture()  # type: ignore[no-any-return]


@pytest.fixture
def path(tmp_path: Path, pixels: np.ndarray) -> Path:
    slide_files.write_tiff(tmp_path / "a.b.tif", slide_files.pyramid(pixels), compression="lzw", photometric="rgb")
    return tmp_path / "a.b.tif"


@pytest.fixture
def slide(path: Path) -> Iterator[Slide]:
    with open_slide(path) as opened:
        yield opened


def test_facts(slide: Slide, path: Path) -> None:
    assert (slide.path, slide.name, slide.width, slide.height) == (path, "a.b", 472, 328)
    assert (slide.mpp.x, slide.mpp.y) == pytest.approx((0.5, 0.5))
    assert slide.mpp_source == "resolution tags (centimeter)"


_CHOICES = [(0.5, 0, 1), (0.48, 0, 0.96), (0.7, 0, 1.4), (1.0, 1, 1), (0.97, 1, 0.97), (0.94, 0, 1.88)]


@pytest.mark.parametrize(("mpp", "level", "scale"), [*_CHOICES, (3.9, 3, 0.975), (40, 3, 10)])
def test_the_nearest_finer_level_serves(slide: Slide, mpp: float, level: int, scale: float) -> None:
    choice = slide.level_for(mpp)
    assert choice.level == level
    assert (choice.scale_x, choice.scale_y) == pytest.approx((scale, scale))


def test_a_slide_coarser_than_asked_for_is_refused_with_both_values(slide: Slide) -> None:
    with pytest.raises(SlideError, match=r"0\.5 µm/px .*0\.25 µm/px"):
        slide.read_at(0.25, 0, 0, 10, 10)


_NO_SIDE = [0, -1, 224.0, 1e300, float("nan"), float("inf"), None, "224"]


@pytest.mark.parametrize("side", _NO_SIDE)
def test_a_side_that_is_no_whole_number_of_pixels_is_refused_with_its_name(slide: Slide, side: Any) -> None:
    choice = slide.level_for(0.5)
    for name, call in {
        "width": lambda: slide.read_at(0.5, 0, 0, side, 10),
        "height": lambda: slide.read_scaled(choice, 0, 0, 10, side),
    }.items():
        with pytest.raises(SlideError, match=rf"{name} = {re.escape(repr(side))} .*whole number of pixels"):
            call()


@pytest.mark.parametrize("side", [side for side in _NO_SIDE if side is not None])
def test_a_thumbnail_of_no_side_is_refused(slide: Slide, side: Any) -> None:
    with pytest.raises(SlideError, match=rf"max_side = {re.escape(repr(side))} .*whole number of pixels"):
        slide.thumbnail(max_side=side)


@pytest.mark.parametrize("place", [float("nan"), float("inf"), -1e300, 10**400, None, "0"])
def test_a_place_that_is_none_is_refused_with_its_name(slide: Slide, place: Any) -> None:
    choice = slide.level_for(0.5)
    for name, call in {
        "x0": lambda: slide.read_at(0.5, place, 0, 10, 10),
        "y0": lambda: slide.read_scaled_into(choice, 0, place, np.empty((10, 10, 3), np.uint8)),
    }.items():
        with pytest.raises(SlideError, match=rf"{name} = .*finite number"):
            call()


@pytest.mark.parametrize("number", [5, 5.0, np.int64(5), np.float32(5)])
def test_places_far_outside_and_numbers_of_numpy_are_read(slide: Slide, number: Any) -> None:
    assert slide.read_at(0.5, number, number, np.int64(7), 3).shape == (3, 7, 3)
    assert (slide.read_at(0.5, 10**9, -(10**9), 7, 3) == 255).all()


def test_more_than_memory_holds_is_refused_before_it_is_asked_for(slide: Slide) -> None:
    with pytest.raises(SlideError, match=r"100,000 × 100,000 pixels .*at most 1,074 million .*in parts"):
        slide.read_at(0.5, 0, 0, 100_000, 100_000)
    with pytest.raises(SlideError, match=r"512 pixels a row of .*at most"):
        slide.read_at(1e6, 0, 0, 512, 512)


def test_arrays_and_levels_that_do_not_serve_are_refused(slide: Slide) -> None:
    choice = slide.level_for(0.5)
    for wrong in (np.empty((9, 9), np.uint8), np.empty((9, 9, 3), np.float32), np.empty((9, 18, 3), np.uint8)[:, ::2]):
        with pytest.raises(SlideError, match=r"can't be read into; give contiguous"):
            slide.read_scaled_into(choice, 0, 0, wrong)
    with pytest.raises(SlideError, match=r"has no level 9; its levels are 0 to 3"):
        slide.read_scaled(LevelChoice(9, 1, 1), 0, 0, 10, 10)
    with pytest.raises(SlideError, match=r"nan level pixels"):
        slide.read_scaled(LevelChoice(0, float("nan"), 1), 0, 0, 10, 10)


@pytest.mark.parametrize("mpp", [0, -1.0, float("nan"), float("inf"), 10**400, "0.5"])
def test_a_size_that_is_none(slide: Slide, mpp: Any) -> None:
    with pytest.raises(SlideError, match="give a positive number"):
        slide.level_for(mpp)


def test_without_a_size_it_must_be_given(tmp_path: Path, pixels: np.ndarray) -> None:
    slide_files.write_image(tmp_path / "a.png", pixels)
    with (
        open_slide(tmp_path / "a.png") as slide,
        pytest.raises(SlideError, match=r"a\.png: .* µm/px; give it, .*--mpp"),
    ):
        slide.read_at(0.5, 0, 0, 10, 10)
    with open_slide(tmp_path / "a.png", mpp=0.5) as slide:
        assert (slide.facts.reader, slide.mpp_source) == ("image", "given by the user")
        assert np.array_equal(slide.read_at(0.5, 3, 5, 40, 30), pixels[5:35, 3:43])
    with open_slide(tmp_path / "a.png") as slide:
        assert slide.thumbnail(max_side=118).shape == (82, 118, 3)  # needs no µm/px


def test_a_whole_scale_is_the_mean_of_blocks(slide: Slide, pixels: np.ndarray) -> None:
    found = slide.read_scaled(LevelChoice(0, 3.0, 3.0), 21, 14, 50, 40)
    blocks = pixels[14 : 14 + 120, 21 : 21 + 150].reshape(40, 3, 50, 3, 3)
    assert np.abs(found - blocks.mean(axis=(1, 3))).max() <= 0.5 + 1e-4


def test_sizes_that_differ_in_x_and_y(tmp_path: Path, pixels: np.ndarray) -> None:
    path = tmp_path / "a.tif"
    slide_files.write_tiff(path, [pixels], compression="lzw", photometric="rgb", resolution=(40_000.0, 20_000.0))
    with open_slide(path) as slide:
        assert (slide.mpp.x, slide.mpp.y) == pytest.approx((0.25, 0.5))
        found = slide.read_at(0.5, 10, 20, 60, 50)  # two pixels of x, one of y
        expected = pixels[20:70, 10:130].reshape(50, 60, 2, 3).mean(axis=2)
        assert np.abs(found - expected).max() <= 0.5
        with pytest.raises(SlideError, match=r"0\.25 × 0\.5 µm/px"):
            slide.level_for(0.25)


def test_a_large_region_is_the_same_in_bands(slide: Slide, monkeypatch: pytest.MonkeyPatch) -> None:
    for mpp in (1.5, 1.7):
        whole = slide.read_at(mpp, -20, 10, 170, 130)
        monkeypatch.setattr(banded_reading, "_BAND_BYTES", 20_000)
        # where the scale is no whole number, a band begins at a fraction of a pixel: rounding apart
        assert np.abs(slide.read_at(mpp, -20, 10, 170, 130).astype(int) - whole).max() <= 1
        monkeypatch.undo()


def test_thumbnails_show_the_whole_slide(slide: Slide, pixels: np.ndarray) -> None:
    by_side, by_mpp = slide.thumbnail(max_side=59), slide.thumbnail(mpp=4)
    assert by_side.shape == by_mpp.shape == (41, 59, 3)
    expected = pixels.reshape(41, 8, 59, 8, 3).mean(axis=(1, 3))
    assert np.abs(by_side - expected).max() <= 2  # the pyramid rounds thrice
    assert np.abs(by_mpp - expected).max() <= 2
    assert slide.thumbnail(mpp=4.1).shape == (40, 58, 3)
    assert slide.thumbnail(max_side=5000).shape == (328, 472, 3)


def test_tiles_read_ahead_are_those_read_one_by_one(slide: Slide) -> None:
    x0, y0 = (axis.ravel().astype(np.int64) for axis in np.meshgrid(range(-30, 470, 90), range(-20, 320, 70)))
    batches = list(read_batches(slide, 0.9, 32, x0, y0, batch=7, threads=3))
    assert [batch.start for batch in batches] == list(range(0, len(x0), 7))
    assert not any(batch.unreadable for batch in batches)
    tiles = np.concatenate([batch.tiles for batch in batches])
    for tile, x, y in zip(tiles, x0, y0, strict=True):
        assert np.array_equal(tile, slide.read_at(0.9, int(x), int(y), 32, 32))


def test_a_tile_of_the_file_read_once_is_decoded_in_place(tmp_path: Path) -> None:
    path = tmp_path / "aligned.tif"
    slide_files.write_vips(path, slide_files.picture(500, 336))  # tiles of 64 × 48 px: 8 × 7, the last ones cut
    slide_files.zero_tile(path, 0, 11)
    out = np.empty((48, 64, 3), np.uint8)
    with open_slide(path, reader="tiff") as slide, open_slide(path, reader="tiff") as kept:
        for number in {*range(56)} - {11}:
            place = (64 * (number % 8), 48 * (number // 8))
            slide.read_scaled_into(LevelChoice(0, 1.0, 1.0), *place, out, once=True)
            assert np.array_equal(out, kept.read_at(0.5, *place, 64, 48))
        assert isinstance(slide.reader, TiffReader)
        assert slide.reader.cache.held_bytes == 7 * out.nbytes  # those at the right edge
        with pytest.raises(SlideReadError, match="tile 3,1 at"):
            slide.read_scaled_into(LevelChoice(0, 1.0, 1.0), 192, 48, out, once=True)


def test_neighbours_read_as_a_strip_are_those_read_one_by_one(tmp_path: Path) -> None:
    path = tmp_path / "strips.tif"
    slide_files.write_vips(path, slide_files.picture())
    slide_files.zero_tile(path, 0, 11)  # x 192 to 256, y 48 to 96
    x0, y0 = (axis.ravel().astype(np.int64) for axis in np.meshgrid(range(-20, 480, 20), range(-20, 330, 20)))
    with open_slide(path, reader="tiff") as slide:
        batches = list(read_batches(slide, 0.5, 20, x0, y0, batch=13, threads=2))
        tiles = np.concatenate([batch.tiles for batch in batches])
        unreadable = {index for batch in batches for index in batch.unreadable}
        touched = (x0 + 20 > 192) & (x0 < 256) & (y0 + 20 > 48) & (y0 < 96)
        assert unreadable == set(np.flatnonzero(touched).tolist())
        for number in np.flatnonzero(~touched):
            expected = slide.read_at(0.5, int(x0[number]), int(y0[number]), 20, 20)
            assert np.array_equal(tiles[number], expected)
    assert (tiles[touched] == 255).all()


def test_an_array_that_is_held_is_not_filled_anew() -> None:
    buffers = Buffers((4, 3), most=2)
    first, second = buffers.take(), buffers.take()
    place, row = first.ctypes.data, second[1:][0]
    del first
    assert buffers.take().ctypes.data == place
    del second
    third = buffers.take()
    assert buffers.take().ctypes.data not in {row.ctypes.data - 3, third.ctypes.data}  # a view of a view holds it


def test_an_unreadable_tile_is_named_and_white(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    slide_files.write_vips(path, slide_files.picture())
    slide_files.zero_tile(path, 0, 11)  # x 192 to 256, y 48 to 96
    x0 = np.arange(0, 460, 64)
    with open_slide(path) as slide:
        batches = list(read_batches(slide, 0.5, 48, x0, np.full_like(x0, 48), batch=3, threads=2, ahead=1))
    assert [list(batch.unreadable) for batch in batches] == [[], [3], []]
    assert "tile 3,1" in str(batches[1].unreadable[3])
    assert (batches[1].tiles[0] == 255).all()
    assert not (batches[1].tiles[1] == 255).all()


def test_batches_ahead_are_bounded_and_closing_stops(slide: Slide, monkeypatch: pytest.MonkeyPatch) -> None:
    read = []
    original = slide.read_scaled_into

    def counted(choice: LevelChoice, x0: float, y0: float, out: Pixels, *, once: bool) -> None:
        read.append(x0)
        original(choice, x0, y0, out, once=once)

    monkeypatch.setattr(slide, "read_scaled_into", counted)
    places = np.arange(400, dtype=np.int64)
    batches = read_batches(slide, 0.5, 8, places, places, batch=10, threads=2, ahead=3)
    assert next(batches).start == 0
    batches.close()  # type: ignore[attr-defined]
    assert 10 <= len(read) <= 40


def test_a_coarse_slide_is_refused_before_anything_is_read(slide: Slide) -> None:
    with pytest.raises(SlideError, match="coarser"):
        read_batches(slide, 0.1, 8, np.zeros(1, np.int64), np.zeros(1, np.int64), batch=1, threads=1)


def test_opening_what_is_no_slide(tmp_path: Path, path: Path) -> None:
    with pytest.raises(SlideNotFoundError, match=r"nowhere\.tif is not a file"):
        open_slide(tmp_path / "nowhere.tif")
    with pytest.raises(SlideNotFoundError, match="is not a file"):
        open_slide(tmp_path)
    with pytest.raises(SlideError, match=r"'bioformats'; choose .*auto"):
        open_slide(path, reader="bioformats")  # type: ignore[arg-type]
    for mpp in (-0.5, 0.0499, 20.1, float("nan"), float("inf"), "0.5"):
        with pytest.raises(SlideError, match=r"give a number from 0\.05 to 20"):
            open_slide(path, mpp=mpp)


@pytest.mark.parametrize("content", [b"", b"II", b"II*\0", b"junk" * 500, b"MM\0*" + bytes(40), b"II+\0\x08\0\0\0\xff"])
def test_junk_named_svs_is_refused_in_one_line(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "junk.svs").write_bytes(content)
    with pytest.raises(SlideError, match=r"junk\.svs") as refusal:
        open_slide(tmp_path / "junk.svs")
    assert "\n" not in str(refusal.value)


def test_a_large_plain_image_is_refused_with_the_remedy(tmp_path: Path) -> None:
    from PIL import Image

    Image.new("L", (10_000, 9_000)).save(tmp_path / "a.png", compress_level=1)
    with pytest.raises(UnsupportedSlideError, match="too large"):
        open_slide(tmp_path / "a.png")


def test_mpp_goes_before_what_the_file_says(path: Path) -> None:
    with open_slide(path, mpp=0.25) as slide:
        assert (slide.mpp, slide.mpp_source) == (Mpp(0.25, 0.25), "given by the user")
