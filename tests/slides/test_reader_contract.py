"""Our own readers keep the contract of readers, whatever the file."""

from contextlib import closing
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import slide_files
from sentinode.slides.reader import Pixels
from sentinode.slides.reader_table import open_reader
from sentinode.testing import ReaderCase, ReaderTests

# backend, file name, maker, its arguments, grey levels that its compression's colour conversion rounds by
CASES: dict[str, tuple[str, str, str, dict[str, Any], int]] = {
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


@pytest.fixture(scope="module", params=CASES)
def written(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> tuple[str, Path, list[Pixels], int]:
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
    return backend, path, makers[kind](), slack


class TestOurReaders(ReaderTests):
    @pytest.fixture
    def case(self, written: tuple[str, Path, list[Pixels], int]) -> ReaderCase:
        backend, path, levels, slack = written
        return ReaderCase(lambda: open_reader(path, backend), levels, slack)

    def test_says_what_it_is(self, case: ReaderCase, written: tuple[str, Path, list[Pixels], int]) -> None:
        with closing(case.open()) as reader:
            facts = reader.facts
        assert (facts.reader, facts.path) == written[:2]
        if facts.reader == "image":
            assert (facts.mpp, facts.mpp_source) == (None, "none")
        else:
            assert facts.mpp is not None
            assert (facts.mpp.x, facts.mpp.y) == pytest.approx((0.5, 0.5))
        assert {level.tile for level in facts.levels} == ({None} if facts.reader == "image" else {(64, 48)})

    def test_images_beside_the_slide(self, case: ReaderCase) -> None:
        beside = {"label": ((47, 31), 0), "macro": ((90, 21), 6), "thumbnail": ((59, 41), 6)}
        with closing(case.open()) as reader:
            named = tuple(beside) if reader.facts.path.suffix == ".svs" else ()
            assert reader.facts.associated == named
            for name in named:
                size, slack = beside[name]
                found, expected = reader.read_associated(name), slide_files.ramp(*size)
                assert found.shape == expected.shape
                assert np.abs(found.astype(int) - expected).max() <= slack
