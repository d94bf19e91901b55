"""Damaged tags of TIFF files are told by name, not by what a library made of them."""

import struct
from pathlib import Path

import pytest
import tifffile

from helpers import slide_files
from sentinode.core.errors import SlideError
from sentinode.slides.slide import open_slide

_TEXT, _FLOAT = 2, 11
_TYPE, _COUNT = 2, 4
"""Where in a tag's entry its type and its number of values are."""


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    path = tmp_path / "a.tif"
    slide_files.write_tiff(path, slide_files.pyramid(slide_files.picture(), 2))
    return path


def _change(path: Path, name: str, place: int, kind: str, value: int) -> None:
    with tifffile.TiffFile(path) as file:
        tag, order = file.pages[0].tags[name], file.byteorder
    with path.open("r+b") as out:
        out.seek(tag.offset + place)
        out.write(struct.pack(order + kind, value))


@pytest.mark.parametrize("name", ["ImageWidth", "BitsPerSample", "PhotometricInterpretation", "TileWidth"])
def test_text_where_a_number_belongs(slide: Path, name: str) -> None:
    _change(slide, name, _TYPE, "H", _TEXT)
    with pytest.raises(SlideError, match=r"is damaged: its tag \d+ holds no numbers; copy the file again"):
        open_slide(slide)


@pytest.mark.parametrize("name", ["TileOffsets", "TileByteCounts"])
def test_tiles_with_more_places_than_sizes_or_the_other_way_round(slide: Path, name: str) -> None:
    with tifffile.TiffFile(slide) as file:
        count = file.pages[0].tags[name].count
    _change(slide, name, _COUNT, "I", count + 3)
    with pytest.raises(SlideError, match=r"is damaged: it lists \d+ places and \d+ sizes of a level's tiles"):
        open_slide(slide)


@pytest.mark.parametrize(("place", "kind", "value"), [(_COUNT, "I", 0), (_TYPE, "H", _TEXT)])
def test_a_resolution_without_a_value_is_none(slide: Path, place: int, kind: str, value: int) -> None:
    with open_slide(slide) as opened:
        assert opened.facts.mpp
    _change(slide, "XResolution", place, kind, value)
    with open_slide(slide) as opened:
        assert opened.facts.mpp is None
