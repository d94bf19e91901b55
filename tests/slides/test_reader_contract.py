"""What every reader of slides does alike, whatever the file: edges, odd sizes, outside, levels, threads, closing."""

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pytest

from helpers import slide_files
from sentinode.core.errors import SlideReadError
from sentinode.slides.reader import Reader
from sentinode.slides.slide import open_slide

# backend, file name, maker, its arguments, grey levels that its compression's colour conversion rounds by
CASES = {
    "tiff-vips": ("tiff", "vips.tif", "vips", {}, 0),
    "tiff-svs": ("tiff", "a.svs", "svs", {}, 0),
    "tiff-jpeg-sub-ifds": ("tiff", "a.tif", "tiff", {"sub_ifds": True}, 0),
    "tiff-lzw": ("tiff", "a.tif", "tiff", {"compression": "lzw", "photometric": "rgb"}, 0),
    "tiff-lzw-predictor": ("tiff", "a.tif", "tiff", {"compression": "lzw", "photometric": "rgb", "predictor": True}, 0),
    "tiff-deflate-big-endian": (
        "tiff",
        "a.tif",
        "tiff",
        {"compression": "zlib", "photometric": "rgb", "byteorder": ">", "predictor": True},
        0,
    ),
    "tiff-none-bigtiff": ("tiff", "a.tif", "tiff", {"compression": None, "photometric": "rgb", "bigtiff": True}, 0),
    "tiff-jp2k-rgb": ("tiff", "a.svs", "svs", {"compression": 33005}, 0),
    "tiff-jp2k-ycbcr": ("tiff", "a.svs", "svs", {"compression": 33003}, 2),
    "openslide-vips": ("openslide", "vips.tif", "vips", {}, 0),
    "openslide-svs": ("openslide", "a.svs", "svs", {}, 0),
    "openslide-jp2k-ycbcr": ("openslide", "a.svs", "svs", {"compression": 33003}, 2),
    "image-png": ("image", "a.png", "image", {}, 0),
    "image-strips": ("image", "a.tif", "image", {}, 0),
}


@dataclass(frozen=True)
class Case:
    """An open reader and what its levels hold."""

    reader: Reader
    truth: list[Any]
    slack: int

    def check(self, level: int, x: int, y: int, width: int, height: int) -> None:
        found = self.reader.read(level, x, y, width, height)
        assert (found.shape, found.dtype) == ((height, width, 3), np.uint8)
        expected = np.full((height, width, 3), 255, np.int16)
        truth = self.truth[level]
        rows = [row for row in range(height) if 0 <= y + row < truth.shape[0]]
        columns = [column for column in range(width) if 0 <= x + column < truth.shape[1]]
        expected[np.ix_(rows, columns)] = truth[np.ix_([y + r for r in rows], [x + c for c in columns])]
        assert np.abs(found - expected).max() <= self.slack


@pytest.fixture(scope="module", params=CASES)
def opened(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Case]]:
    backend, name, kind, settings, slack = CASES[request.param]
    path = tmp_path_factory.mktemp("slides") / name
    # 472×328, 236×164, 118×82, 59×41: downsamples are whole, because OpenSlide interpolates on other levels.
    pixels = slide_files.picture()
    makers = {
        "vips": partial(slide_files.write_vips, path, pixels),
        "svs": partial(slide_files.write_svs, path, slide_files.pyramid(pixels), **settings),
        "tiff": partial(slide_files.write_tiff, path, slide_files.pyramid(pixels), **settings),
        "image": partial(slide_files.write_image, path, pixels),
    }
    truth = makers[kind]()
    readers = []

    def opener() -> Case:
        readers.append(open_slide(path, reader=backend).reader)  # type: ignore[arg-type]
        return Case(readers[-1], truth, slack)

    yield opener
    for reader in readers:
        reader.close()


@pytest.fixture
def case(opened: Callable[[], Case]) -> Case:
    return opened()


def test_levels(case: Case) -> None:
    sizes = [(level.width, level.height) for level in case.reader.levels]
    assert sizes == [(pixels.shape[1], pixels.shape[0]) for pixels in case.truth]
    for number, level in enumerate(case.reader.levels):
        assert (level.downsample_x, level.downsample_y) == (2**number, 2**number)


def test_whole_levels(case: Case) -> None:
    for number, level in enumerate(case.reader.levels):
        case.check(number, 0, 0, level.width, level.height)


def test_rectangles_anywhere(case: Case) -> None:
    random = np.random.default_rng(2)
    for number, level in enumerate(case.reader.levels):
        for _ in range(6):
            width, height = random.integers(1, 150, 2)
            x, y = random.integers(-30, level.width), random.integers(-30, level.height)
            case.check(number, int(x), int(y), int(width), int(height))


@pytest.mark.parametrize(
    ("x", "y"), [(-10, -7), (440, 310), (-500, 20), (20, -500), (1000, 1000)], ids=lambda value: str(value)
)
def test_outside_is_white(case: Case, x: int, y: int) -> None:
    case.check(0, x, y, 97, 61)


def test_one_pixel_at_each_corner(case: Case) -> None:
    last = case.reader.levels[-1]
    for x in (0, last.width - 1):
        for y in (0, last.height - 1):
            case.check(len(case.reader.levels) - 1, x, y, 1, 1)


def test_four_threads_read_what_one_reads(opened: Callable[[], Case]) -> None:
    places = [(x, y) for y in range(-20, 320, 37) for x in range(-20, 450, 53)]
    one, four = opened().reader, opened().reader
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda place: four.read(0, *place, 71, 59), places))
    assert all(
        np.array_equal(one.read(0, *place, 71, 59), found) for place, found in zip(places, together, strict=True)
    )


def test_what_was_read_belongs_to_the_caller(case: Case) -> None:
    before = case.reader.read(0, 0, 0, 64, 48)
    case.reader.read(0, 0, 0, 64, 48)[...] = 7
    assert np.array_equal(case.reader.read(0, 0, 0, 64, 48), before)


def test_says_what_it_is(case: Case, request: pytest.FixtureRequest) -> None:
    assert case.reader.name == request.node.callspec.params["opened"].split("-")[0]
    assert case.reader.path.is_file()
    assert all(isinstance(text, str) for pair in case.reader.properties.items() for text in pair)
    if case.reader.name == "image":
        assert (case.reader.mpp, case.reader.mpp_source) == (None, "none")
    else:
        assert case.reader.mpp is not None
        assert (case.reader.mpp.x, case.reader.mpp.y) == pytest.approx((0.5, 0.5))


def test_tile_shape(case: Case) -> None:
    shapes = {case.reader.tile_shape(number) for number in range(len(case.reader.levels))}
    assert shapes == ({None} if case.reader.name == "image" else {(64, 48)})


def test_associated_images(case: Case) -> None:
    if case.reader.path.suffix == ".svs":
        assert case.reader.associated == ("label", "macro", "thumbnail")
        for name, size, slack in (("label", (47, 31), 0), ("macro", (90, 21), 6), ("thumbnail", (59, 41), 6)):
            found, expected = case.reader.read_associated(name), slide_files.ramp(*size)
            assert found.shape == expected.shape
            assert np.abs(found.astype(int) - expected).max() <= slack
    else:
        assert case.reader.associated == ()
    with pytest.raises(SlideReadError, match="no associated image 'barcode'"):
        case.reader.read_associated("barcode")


@pytest.mark.parametrize("level", [-1, 4])
def test_a_level_that_is_not_there(case: Case, level: int) -> None:
    with pytest.raises(SlideReadError, match=f"level {level}"):
        case.reader.read(level, 0, 0, 5, 5)


def test_closing(opened: Callable[[], Case]) -> None:
    reader = opened().reader
    reader.read(0, 0, 0, 5, 5)
    reader.close()
    reader.close()
    with pytest.raises(SlideReadError, match="is closed"):
        reader.read(0, 0, 0, 5, 5)
