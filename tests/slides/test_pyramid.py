"""Slides that we write: what both readers find in them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from sentinode.core.errors import SlideError
from sentinode.slides.mpp import Mpp
from sentinode.slides.pyramid import halve, write_pyramid
from sentinode.slides.reader_agreement import verify_readers
from sentinode.slides.slide import open_slide

WIDTH, HEIGHT = 1111, 703
MPP = Mpp(0.486, 0.5)


def bands(picture: NDArray[np.uint8], rows: tuple[int, ...]) -> Iterator[NDArray[np.uint8]]:
    start = 0
    for count in rows:
        yield picture[start : start + count]
        start += count


@pytest.fixture(scope="module")
def picture() -> NDArray[np.uint8]:
    y, x = np.mgrid[:HEIGHT, :WIDTH]
    waves = [100 + 40 * np.sin(x / 29), 110 + 60 * np.cos(y / 37), 128 + (x + y) / 20]
    return np.stack(waves, axis=-1).astype(np.uint8)


@pytest.mark.parametrize("reader", ["tiff", "openslide"])
def test_both_readers_find_the_levels_the_physical_size_and_the_pixels(
    tmp_path: Path, picture: NDArray[np.uint8], reader: str
) -> None:
    path = tmp_path / "new" / "slide.tif"
    write_pyramid(path, bands(picture, (1, 300, 2, 255, 145)), width=WIDTH, height=HEIGHT, mpp=MPP, quality=95)
    with open_slide(path, reader=reader) as slide:  # type: ignore[arg-type]
        assert (slide.mpp.x, slide.mpp.y) == (pytest.approx(0.486, rel=1e-6), pytest.approx(0.5, rel=1e-6))
        levels = [(level.width, level.height) for level in slide.facts.levels]
        assert levels == [(1111, 703), (555, 351), (277, 175), (138, 87)]
        assert slide.facts.levels[0].tile == (256, 256)
        expected = picture
        for number, (width, height) in enumerate(levels):
            found = slide.reader.read(number, 0, 0, width, height)
            assert abs(found.astype(int) - expected).mean() < 1.5
            expected = halve(expected)


def test_both_readers_agree_and_bands_do_not_show(tmp_path: Path, picture: NDArray[np.uint8]) -> None:
    for name, rows in (("one", (HEIGHT,)), ("many", (7, 249, 1, 446))):
        write_pyramid(tmp_path / name, bands(picture, rows), width=WIDTH, height=HEIGHT, mpp=MPP)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "many").read_bytes()
    assert verify_readers(tmp_path / "one", 12).largest_difference <= 2


def test_a_slide_of_one_tile_has_one_level(tmp_path: Path) -> None:
    write_pyramid(tmp_path / "s.tif", [np.full((9, 31, 3), 200, np.uint8)], width=31, height=9, mpp=MPP)
    with open_slide(tmp_path / "s.tif", reader="openslide") as slide:
        assert [(level.width, level.height) for level in slide.facts.levels] == [(31, 9)]


@pytest.mark.parametrize(
    ("rows", "width", "message"),
    [(600, 300, "600 rows were given"), (640, 300, "301"), (20, 299, "needs uint8 rows of")],
)
def test_what_does_not_fit_leaves_nothing_behind(tmp_path: Path, rows: int, width: int, message: str) -> None:
    given = [np.zeros((20, width, 3), np.uint8)] * (rows // 20)
    with pytest.raises(SlideError, match=message):
        write_pyramid(tmp_path / "s.tif", given, width=300, height=610 if rows == 600 else 301, mpp=MPP)
    assert list(tmp_path.iterdir()) == []


def test_halving_takes_rounded_means_and_drops_the_odd_row() -> None:
    block = np.array([[[0], [1], [9]], [[2], [3], [9]], [[9], [9], [9]]], np.uint8)
    assert halve(block).tolist() == [[[2]]]
