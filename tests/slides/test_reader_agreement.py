"""Both readers compared on random tiles."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from helpers import slide_files
from sentinode.core.errors import SlideError, UnsupportedSlideError
from sentinode.slides.openslide_reader import OpenSlideReader
from sentinode.slides.reader_agreement import verify_readers
from sentinode.slides.tiff import tiff_reader as tiff_reader


def test_readers_agree_on_an_odd_pyramid(tmp_path: Path) -> None:
    slide_files.write_vips(tmp_path / "a.tif", slide_files.picture(451, 333))
    agreement = verify_readers(tmp_path / "a.tif", 40)
    assert (agreement.tiles, agreement.levels) == (40, (0, 1, 2, 3))
    assert agreement.largest_difference <= 2


def test_readers_agree_on_the_level_that_both_see(tmp_path: Path) -> None:
    slide_files.write_tiff(tmp_path / "a.tif", slide_files.pyramid(slide_files.picture()), sub_ifds=True)
    assert verify_readers(tmp_path / "a.tif", 5).levels == (0,)


def test_a_difference_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slide_files.write_vips(tmp_path / "a.tif", slide_files.picture())
    read = tiff_reader.TiffReader.read
    monkeypatch.setattr(tiff_reader.TiffReader, "read", lambda *place: np.roll(read(*place), 1, axis=1))
    with pytest.raises(SlideError, match=r"the readers differ by \d+ grey levels at level \d"):
        verify_readers(tmp_path / "a.tif", 3)


def test_another_size_per_pixel_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slide_files.write_vips(tmp_path / "a.tif", slide_files.picture())
    original = OpenSlideReader.__init__

    def blind(self: OpenSlideReader, path: Path, cache_bytes: int) -> None:
        original(self, path, cache_bytes)
        self.facts = replace(self.facts, mpp=None)

    monkeypatch.setattr(OpenSlideReader, "__init__", blind)
    with pytest.raises(SlideError, match="differ in its µm/px"):
        verify_readers(tmp_path / "a.tif", 3)


def test_nothing_to_compare(tmp_path: Path) -> None:
    slide_files.write_image(tmp_path / "a.png", slide_files.picture())
    with pytest.raises(UnsupportedSlideError, match="not a TIFF"):
        verify_readers(tmp_path / "a.png", 3)


def test_readers_agree_on_a_real_slide(shared_data: Path) -> None:
    assert verify_readers(shared_data / "slides" / "CMU-1-Small-Region.svs", 25).largest_difference == 0
