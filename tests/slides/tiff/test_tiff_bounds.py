"""Small TIFF files that would be read for minutes or into gigabytes: bounded, or refused by name."""

import time
import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from sentinode.core.errors import SlideError, SlideReadError
from sentinode.slides.slide import open_slide
from sentinode.slides.tiff.jpeg_2000_head import sizes_of
from sentinode.testing.hostile_slides import endless_directories, one_tile_everywhere, repeated_sub_directories


def _written(folder: Path, content: bytes) -> Path:
    path = folder / "slide.tif"
    path.write_bytes(content)
    return path


@pytest.mark.parametrize("jpeg_2000", [False, True])
def test_a_tile_of_another_size_than_its_place_is_refused_before_it_is_decoded(tmp_path: Path, jpeg_2000: bool) -> None:
    path = _written(tmp_path, one_tile_everywhere(512, 256, held_side=4000, jpeg_2000=jpeg_2000))
    with open_slide(path) as slide:
        tracemalloc.start()
        with pytest.raises(SlideReadError, match=r"4,000×4,000 px, not 256×256 px"):
            slide.reader.read(0, 0, 0, 100, 100)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
    assert peak < 4 << 20


@pytest.mark.parametrize("jpeg_2000", [False, True])
def test_a_tile_that_stands_for_all_is_decoded_once(tmp_path: Path, jpeg_2000: bool) -> None:
    path = _written(tmp_path, one_tile_everywhere(2000, 256, jpeg_2000=jpeg_2000))
    with open_slide(path) as slide:
        tile = slide.reader.read(0, 256, 512, 256, 256)
        whole = slide.reader.read(0, 0, 0, 2000, 2000)
        assert (whole == tile[0, 0]).all()
        assert slide.reader.cache.held_bytes == 3 * 256**2  # type: ignore[attr-defined]


def test_the_coarsest_view_of_a_large_level_takes_a_band_of_memory(tmp_path: Path) -> None:
    content = one_tile_everywhere(20_000, 1024)
    assert len(content) < 30_000
    with open_slide(_written(tmp_path, content)) as slide:
        tracemalloc.start()
        thumbnail = slide.thumbnail(max_side=16)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 100 << 20  # all of the level has 1.2 GB
        assert thumbnail.shape == (16, 16, 3)
        assert np.abs(thumbnail.astype(int) - slide.reader.read(0, 0, 0, 1, 1)).max() <= 1


def test_sub_directories_that_are_one_are_refused(tmp_path: Path) -> None:
    start = time.monotonic()
    with pytest.raises(SlideError, match="its directories never end"):
        open_slide(_written(tmp_path, repeated_sub_directories(70_000, 256, 50)))
    assert time.monotonic() - start < 30


def test_directories_that_never_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(SlideError, match="its directories never end"):
        open_slide(_written(tmp_path, endless_directories()))


def test_tiles_that_are_all_of_a_large_slide_are_refused_by_every_reader(tmp_path: Path) -> None:
    path = _written(tmp_path, one_tile_everywhere(8000, 8192, held_side=64))
    for reader in ("auto", "tiff", "openslide"):
        with pytest.raises(SlideError, match=r"tiles of 8,192×8,192 px.*256 or 512"):
            open_slide(path, reader=reader)


def test_an_overview_larger_than_any_glass_is_refused(tmp_path: Path) -> None:
    path = _written(tmp_path, one_tile_everywhere(262_144, 2048))
    with open_slide(path, mpp=6) as slide, pytest.raises(SlideError, match=r"at 8 µm/px would have .*--mpp"):
        slide.thumbnail(mpp=8)


@pytest.mark.parametrize("junk", [b"", b"\xff\x4f\xff\x51", bytes(100), b"\0\0\0\1jp2 " + bytes(60)])
def test_what_is_no_jpeg_2000_has_no_size(junk: bytes) -> None:
    assert sizes_of(junk) is None
