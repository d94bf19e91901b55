"""OpenSlide's bounds: what was scanned is the slide, and annotations land where they were drawn."""

import json
from pathlib import Path

import numpy as np
import pytest

from sentinode.core.errors import AnnotationError
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.asap import write_asap
from sentinode.slides.annotations.geojson import render_geojson
from sentinode.slides.annotations.placement import placed
from sentinode.slides.annotations.regions import TUMOUR, Annotations, Region, shapely
from sentinode.slides.slide import open_slide
from sentinode.slides.slide_extent import SlideExtent
from sentinode.testing import ReaderCase, ReaderTests
from sentinode.testing.oddities.pictures import tissue
from sentinode.testing.oddities.scn_file import write_scn

_X, _Y = 1000, 2000
_PIXELS = tissue(404, 300)


@pytest.fixture
def slide(tmp_path: Path) -> Path:
    write_scn(tmp_path / "slide.scn", _PIXELS, _X, _Y)
    return tmp_path / "slide.scn"


class TestScnReader(ReaderTests):
    """The reader's contract, on a slide that is a small part of its canvas."""

    @pytest.fixture
    def case(self, slide: Path) -> ReaderCase:
        return ReaderCase(lambda: open_slide(slide).reader, [_PIXELS, _PIXELS[::4, ::4]])


def test_the_slide_is_what_was_scanned(slide: Path) -> None:
    with open_slide(slide) as opened:
        assert opened.facts.reader == "openslide"
        assert opened.extent == SlideExtent("slide", 404, 300, _X, _Y)
        assert np.array_equal(opened.reader.read(0, 0, 0, 404, 300), _PIXELS)


def _box(left: float, top: float) -> Region:
    return Region(shapely.box(left, top, left + 90, top + 60), TUMOUR)


def _bounds(annotations: Annotations) -> tuple[float, ...]:
    (region,) = annotations.regions
    return tuple(region.polygon.bounds)


def _written(folder: Path, form: str, left: float, top: float) -> Path:
    path = folder / f"slide.{form}"
    if form == "xml":
        write_asap(Annotations((_box(left, top),)), path)
    elif form == "geojson":
        path.write_text(render_geojson([_box(left, top)]))
    else:
        ring = [[left, top], [left + 90, top], [left + 90, top + 60], [left, top + 60]]
        path.write_text(json.dumps({"positive": [{"name": "a", "vertices": ring}], "negative": []}))
    return path


@pytest.mark.parametrize(
    ("form", "left", "top", "warned"),
    [
        ("geojson", 120, 80, False),  # QuPath counts from the scanned area
        ("xml", _X + 120, _Y + 80, False),  # ASAP from the canvas
        ("json", _X + 120, _Y + 80, False),
        ("geojson", _X + 120, _Y + 80, True),  # of a program that counts as ASAP does
        ("xml", 120, 80, True),
    ],
)
def test_annotations_land_where_they_were_drawn(
    tmp_path: Path, slide: Path, form: str, left: float, top: float, warned: bool
) -> None:
    with open_slide(slide) as opened:
        found = placed(read_annotations(_written(tmp_path, form, left, top)), opened.extent)
    assert _bounds(found) == (120, 80, 210, 140)
    assert any("only if counted from the corner" in text for text in found.warnings) == warned


@pytest.mark.parametrize("form", ["geojson", "xml"])
def test_the_annotation_of_another_slide_is_refused(tmp_path: Path, slide: Path, form: str) -> None:
    path = _written(tmp_path, form, 5000, 300)
    with open_slide(slide) as opened, pytest.raises(AnnotationError, match="annotation of another slide"):
        placed(read_annotations(path), opened.extent)


@pytest.mark.parametrize("form", ["geojson", "xml"])
def test_without_a_larger_canvas_nothing_moves(tmp_path: Path, form: str) -> None:
    found = placed(read_annotations(_written(tmp_path, form, 120, 80)), SlideExtent("slide", 404, 300))
    assert _bounds(found) == (120, 80, 210, 140)
    assert not found.warnings
