"""GeoJSON as versions of QuPath write it: annotations alone, wherever they lie, and nothing without an area."""

import json
from pathlib import Path
from typing import Any

import pytest

from sentinode.core.errors import AnnotationError
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.regions import Annotations

SQUARE = {"type": "Polygon", "coordinates": [[[0, 0], [10, 0], [10, 20], [0, 20], [0, 0]]]}
CELL = {"type": "Polygon", "coordinates": [[[50, 50], [52, 50], [52, 52], [50, 52], [50, 50]]]}
LINE = {"type": "LineString", "coordinates": [[0, 0], [10, 0], [10, 20], [0, 20], [0, 0]]}


def feature(geometry: Any = SQUARE, name: str | None = "Tumor", **more: Any) -> dict[str, Any]:
    properties = {"classification": {"name": name, "colorRGB": -1}} if name else {}
    ids = {key: more.pop(key) for key in ("id", "childObjects") if key in more}
    return {"type": "Feature", **ids, "geometry": geometry, "properties": {**properties, **more}}


def read(folder: Path, *features: dict[str, Any]) -> Annotations:
    path = folder / "a.geojson"
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")
    return read_annotations(path)


@pytest.mark.parametrize(
    ("annotation", "others"),
    [
        ({"id": "PathAnnotationObject"}, [{"id": f"Path{kind}Object"} for kind in ("Cell", "Detection", "Tile")]),
        ({"object_type": "annotation"}, [{"object_type": kind} for kind in ("cell", "detection", "tile")]),
        ({"objectType": "annotation"}, [{"objectType": kind} for kind in ("cell", "detection", "tile", "tma_core")]),
        ({"id": "6f1c"}, [{"id": "TMACoreObject"}]),
    ],
    ids=["0.2", "0.3", "0.4", "another program"],
)
def test_annotations_alone_are_regions(tmp_path: Path, annotation: dict[str, Any], others: list[Any]) -> None:
    found = read(tmp_path, feature(**annotation), *(feature(CELL, **other) for other in others))
    assert [region.polygon.area for region in found.regions] == [200]
    assert sum("nobody drew it; left out" in warning for warning in found.warnings) == len(others)


def test_objects_inside_others_are_read(tmp_path: Path) -> None:
    inner = feature(SQUARE, objectType="annotation", childObjects=[feature(CELL, objectType="cell")])
    tissue = feature(CELL, "Tissue", objectType="annotation", childObjects=[inner])
    found = read(tmp_path, feature(CELL, None, objectType="root", childObjects=[tissue]))
    assert found.counts == {"Tissue": 1, "tumour": 1}
    assert found.passed_over == {"Tissue": 1}
    with pytest.raises(AnnotationError, match="list of features"):
        read(tmp_path, feature(childObjects=[3]))


@pytest.mark.parametrize(
    ("geometry", "said"),
    [
        (LINE, "LineString"),
        ({"type": "Point", "coordinates": [1, 2]}, "Point"),
        ({"type": "MultiPoint", "coordinates": [[1, 2]]}, "MultiPoint"),
        ({"type": "GeometryCollection", "geometries": [LINE]}, "LineString"),
        ({"type": "GeometryCollection", "geometries": []}, "GeometryCollection"),
        ({"type": "Polygon", "coordinates": [[[0, 0], [9, 9], [0, 0]]]}, "a line that encloses nothing"),
        (None, "feature without a geometry"),
    ],
)
def test_tumour_without_an_area_is_no_annotation_of_a_normal_slide(tmp_path: Path, geometry: Any, said: str) -> None:
    found = read(tmp_path, feature(geometry), feature(CELL, "Stroma"))
    assert found.tumour.is_empty
    assert found.unnamed == ()
    with pytest.raises(AnnotationError, match=f"tumour is drawn as {said}"):
        found.check_tumour()


def test_beside_an_outline_a_line_counts_and_a_stray_click_does_not(tmp_path: Path) -> None:
    click = {"type": "Polygon", "coordinates": [[[5, 5], [5, 5], [5, 5]]]}
    read(tmp_path, feature(), feature(click)).check_tumour()
    with pytest.raises(AnnotationError, match="drawn as LineString"):
        read(tmp_path, feature(), feature(LINE)).check_tumour()
    read(tmp_path, feature(), feature(LINE, "Ruler")).check_tumour()


def test_a_line_of_another_class_does_not_make_a_slide_normal(tmp_path: Path) -> None:
    for name in ("Carcinoma", None):
        with pytest.raises(AnnotationError, match=f"no region is called tumour, the classes are: {name or 'none'}"):
            read(tmp_path, feature(LINE, name)).check_tumour()


def test_areas_in_a_collection_are_read(tmp_path: Path) -> None:
    found = read(tmp_path, feature({"type": "GeometryCollection", "geometries": [SQUARE, CELL]}))
    found.check_tumour()
    assert found.tumour.area == 204
