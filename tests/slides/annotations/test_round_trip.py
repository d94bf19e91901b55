"""What is written in any form encloses, when read again, the same places."""

from collections.abc import Callable
from pathlib import Path

import pytest
import shapely
from hypothesis import given
from hypothesis import strategies as st

from helpers.annotation_writers import write_geojson, write_polygons
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.asap import write_asap
from sentinode.slides.annotations.flat_regions import without_holes
from sentinode.slides.annotations.regions import Annotations, Region

Writer = Callable[[Annotations, Path], None]
WRITERS = pytest.mark.parametrize("write", [write_asap, write_geojson, write_polygons])


def _same(one: object, other: object) -> bool:
    return shapely.symmetric_difference(one, other).area < 1e-6


@WRITERS
def test_real_files_keep_their_shapes(shared_data: Path, tmp_path: Path, write: Writer) -> None:
    folder = shared_data / "annotations"
    files = [*folder.glob("camelyon16-polygons/Tumor_10[1356].json"), *folder.glob("*.xml")]
    assert len(files) == 5
    for path in files:
        before = read_annotations(path)
        write(before, tmp_path / "again")
        after = read_annotations(tmp_path / "again")
        assert after.warnings == ()
        assert _same(before.tumour, after.tumour)
        assert before.tumour.area > 0


@WRITERS
def test_a_hole_with_an_island_in_it(tmp_path: Path, write: Writer) -> None:
    island = shapely.box(40, 40, 60, 60)
    rings = shapely.Polygon(shapely.box(0, 0, 100, 100).exterior, [shapely.box(20, 20, 80, 80).exterior])
    hole = shapely.Polygon(shapely.box(200, 0, 300, 90).exterior, [shapely.box(210, 10, 290, 80).exterior])
    within = shapely.MultiPolygon([hole, shapely.box(230, 30, 270, 60)])
    before = Annotations(
        (
            Region(rings, "tumour", "ring"),
            Region(island, "tumour", "island"),
            Region(within, "tumour", "both"),
            Region(shapely.box(5, 5, 9, 9), "exclusion", "out"),
        )
    )
    write(before, tmp_path / "a")
    after = read_annotations(tmp_path / "a")
    assert _same(before.tumour, after.tumour)
    assert {region.name for region in after.regions} == {"ring", "island", "both", "out"}


@pytest.mark.parametrize("write", [write_asap, write_geojson])
def test_other_classes_and_places_between_pixels_are_kept(tmp_path: Path, write: Writer) -> None:
    stroma = shapely.Polygon(shapely.box(0.25, 1 / 3, 90, 70.5).exterior, [shapely.box(10, 10, 20, 20).exterior])
    before = Annotations((Region(stroma, 'Stroma <&> "x"', "größer"), Region(shapely.box(1, 2, 3, 4), "unclassified")))
    write(before, tmp_path / "a")
    after = read_annotations(tmp_path / "a")
    for kind in ('Stroma <&> "x"', "unclassified"):
        written, again = (shapely.union_all([region.polygon for region in each.of(kind)]) for each in (before, after))
        assert _same(written, again)
    assert after.of('Stroma <&> "x"')[0].name == "größer"


@given(st.lists(st.tuples(st.integers(1, 80), st.integers(1, 80), st.integers(1, 15)), max_size=5))
def test_cutting_through_holes_keeps_the_area(holes: list[tuple[int, int, int]]) -> None:
    polygon = shapely.box(0, 0, 101, 97)
    for x, y, size in holes:
        polygon = polygon.difference(shapely.box(x, y, x + size, y + size))
    pieces = [piece for part in shapely.get_parts(polygon) for piece in without_holes(part)]
    assert all(not piece.interiors for piece in pieces)
    assert sum(piece.area for piece in pieces) == pytest.approx(polygon.area)
    assert _same(shapely.union_all(pieces), polygon)
