"""Each form in, regions and warnings out; what is none of them is refused."""

import json
from pathlib import Path

import pytest

from sentinode.core.errors import AnnotationError, DataNotFoundError
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.regions import Annotations
from sentinode.slides.mpp import Mpp


def _asap(*annotations: str) -> str:
    return (
        f'<?xml version="1.0"?><ASAP_Annotations><Annotations>{"".join(annotations)}</Annotations></ASAP_Annotations>'
    )


def _annotation(places: list[tuple[float, float]], group: str = "Tumor", kind: str = "Polygon", name: str = "a") -> str:
    inner = "".join(f'<Coordinate Order="{n}" X="{x}" Y="{y}"/>' for n, (x, y) in reversed(list(enumerate(places))))
    return (
        f'<Annotation Name="{name}" Type="{kind}" PartOfGroup="{group}"><Coordinates>{inner}</Coordinates></Annotation>'
    )


SQUARE = [(0, 0), (10, 0), (10, 20), (0, 20)]


def _read(tmp_path: Path, text: str, name: str = "a.xml", **options: object) -> Annotations:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_annotations(tmp_path / name, **options)


@pytest.mark.parametrize(
    ("group", "kind"),
    [
        ("Tumor", "tumour"),
        ("_0", "tumour"),
        ("_1", "tumour"),
        ("metastases", "tumour"),
        ("_2", "exclusion"),
        ("Exclusion", "exclusion"),
        ("None", "unclassified"),
        ("Stroma", "Stroma"),
    ],
)
def test_groups_of_asap(tmp_path: Path, group: str, kind: str) -> None:
    (region,) = _read(tmp_path, _asap(_annotation(SQUARE, group))).regions
    assert (region.kind, region.group, region.name, region.polygon.area) == (kind, group, "a", 200)


def test_coordinates_are_taken_in_their_order_and_shapes_by_their_points(tmp_path: Path) -> None:
    text = _asap(
        _annotation(SQUARE, kind="Spline"),
        _annotation(SQUARE, kind="Rectangle"),
        _annotation([SQUARE[0], SQUARE[2]], kind="Rectangle"),
        _annotation([SQUARE[0]], kind="Dot"),
        _annotation([SQUARE[0], SQUARE[2]], name="a line"),
    )
    annotations = _read(tmp_path, text)
    assert [region.polygon.area for region in annotations.regions] == [200, 200, 200]
    assert any("1 × Dot" in warning for warning in annotations.warnings)
    assert any("'a line' encloses no area" in warning for warning in annotations.warnings)


def test_a_hole_by_exclusion_and_its_area(tmp_path: Path) -> None:
    hole = [(2, 2), (4, 2), (4, 4), (2, 4)]
    annotations = _read(tmp_path, _asap(_annotation(hole, "Exclusion"), _annotation(SQUARE)))
    assert annotations.tumour.area == 196
    assert annotations.tumour_area_mm2(Mpp(0.25, 0.5)) == pytest.approx(196 * 0.125e-6)
    assert annotations.counts == {"exclusion": 1, "tumour": 1}


def test_a_line_that_crosses_itself_is_repaired_and_told(tmp_path: Path) -> None:
    eight = [(0, 0), (10, 10), (10, 0), (0, 10)]
    overlap = [(0, 0), (10, 0), (10, 10), (0, 10), (0, -2), (2, -2), (2, 5), (1, 5)]  # drawn over its own beginning
    annotations = _read(tmp_path, _asap(_annotation(eight, name="eight"), _annotation(overlap, name="overlap")))
    assert [region.polygon.area for region in annotations.regions] == [50, 104]
    assert all(region.polygon.is_valid for region in annotations.regions)
    assert [name in warning for name, warning in zip(("eight", "overlap"), annotations.warnings, strict=True)] == [
        True
    ] * 2
    assert "Self-intersection" in annotations.warnings[0]


def test_geojson_of_qupath(tmp_path: Path) -> None:
    ring = [[0, 0], [10, 0], [10, 20], [0, 20], [0, 0]]
    hole = [[2, 2], [4, 2], [4, 4], [2, 4], [2, 2]]
    far = [[[30, 0], [34, 0], [34, 4], [30, 4], [30, 0]]]
    features = [
        _feature(
            {"type": "Polygon", "coordinates": [ring, hole]}, classification={"name": "Tumor", "color": [1, 2, 3]}
        ),
        _feature(
            {"type": "MultiPolygon", "coordinates": [[ring], far]}, classification={"names": ["Tumor", "Positive"]}
        ),
        _feature({"type": "Polygon", "coordinates": far}, classification={"name": "Ignore*", "colorRGB": -1}, name="b"),
        _feature({"type": "Polygon", "coordinates": far}),
        _feature({"type": "Point", "coordinates": [1, 2]}),
        _feature({"type": "Polygon", "coordinates": far}, objectType="cell", classification={"name": "Tumor"}),
    ]
    for content in (features, {"type": "FeatureCollection", "features": features}):
        annotations = _read(tmp_path, json.dumps(content), "a.geojson")
        assert [(region.kind, region.polygon.area) for region in annotations.regions] == [
            ("tumour", 196),
            ("tumour", 216),
            ("exclusion", 16),
            ("unclassified", 16),
        ]
        assert {warning.split(":")[0] for warning in annotations.warnings} == {"1 × Point", "1 × cell"}
    one = _read(tmp_path, json.dumps(features[0]["geometry"]), "bare.json")
    assert one.regions[0].polygon.area == 196


def _feature(geometry: object, **properties: object) -> dict[str, object]:
    return {"type": "Feature", "geometry": geometry, "properties": properties}


def test_polygons_json(tmp_path: Path) -> None:
    hole = [[2, 2], [4, 2], [4, 4], [2, 4]]
    content = {
        "positive": [{"name": "Tumor1", "vertices": [list(place) for place in SQUARE]}],
        "negative": [{"name": "hole", "vertices": hole}],
    }
    annotations = _read(tmp_path, json.dumps(content), "a.json")
    assert [(region.name, region.kind) for region in annotations.regions] == [
        ("Tumor1", "tumour"),
        ("hole", "exclusion"),
    ]
    assert annotations.tumour.area == 196


def test_other_names_for_tumour_and_a_warning_without_any(tmp_path: Path) -> None:
    text = _asap(_annotation(SQUARE, "Carcinoma"))
    annotations = _read(tmp_path, text)
    assert annotations.warnings == ("no region is called tumour; the classes are: Carcinoma",)
    assert annotations.tumour.is_empty
    assert _read(tmp_path, text, tumour_names=["carcinoma"]).tumour.area == 200


def test_a_file_without_a_region_is_an_annotation_without_one(tmp_path: Path) -> None:
    for name, text in {"a.xml": _asap(), "b.json": '{"positive": [], "negative": []}', "c.geojson": "[]"}.items():
        annotations = _read(tmp_path, text, name)
        assert (annotations.regions, annotations.warnings, annotations.tumour.area) == ((), (), 0)


@pytest.mark.parametrize("name", ["Test_114", "Test_049", "normal_086"])
def test_known_traps_of_camelyon16_are_told(tmp_path: Path, name: str) -> None:
    (warning,) = _read(tmp_path, _asap(), f"{name}.xml").warnings
    assert name.lower() in warning.lower()


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "no annotation file"),
        ("hello", "no annotation file"),
        ("[1, 2]", "no annotation file"),
        ('{"type": "Topology"}', "no annotation file"),
        ("<kml/>", "root <kml>"),
        ("<ASAP_Annotations>", "damaged XML"),
        (_asap(_annotation([])), "no coordinates"),
        (_asap('<Annotation><Coordinates><Coordinate X="1" Y="zwei"/></Coordinates></Annotation>'), "zwei"),
        (_asap('<Annotation><Coordinates><Coordinate X="1"/></Coordinates></Annotation>'), "level-0 pixels"),
        (_asap(_annotation([(0, 0), (float("nan"), 0), (1, 1)])), "finite"),
        ('{"positive": [{"name": "a"}]}', "vertices"),
        ('{"positive": [{"vertices": [[1], [2], [3]]}]}', "pairs of numbers"),
        ('{"positive": {}}', "not a list"),
        ('{"type": "FeatureCollection"}', "list of features"),
        ('[{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": 5}}]', "list of coordinates"),
        ('[{"type": "Feature", "geometry": {"type": "Polygon", "coordinates": [[["a", 1]]]}}]', "pairs of numbers"),
        ('[{"type": "Feature", "geometry": [], "properties": 3}]', "not objects"),
    ],
)
def test_what_is_no_annotation_is_refused(tmp_path: Path, text: str, words: str) -> None:
    with pytest.raises(AnnotationError, match=words) as caught:
        _read(tmp_path, text, "bad")
    assert "bad" in str(caught.value)


def test_bytes_that_are_no_text_and_files_that_are_not_there(tmp_path: Path) -> None:
    (tmp_path / "junk.json").write_bytes(bytes(range(128, 256)))
    with pytest.raises(AnnotationError, match="no annotation file"):
        read_annotations(tmp_path / "junk.json")
    with pytest.raises(AnnotationError, match="can't be read"):
        read_annotations(tmp_path)
    with pytest.raises(DataNotFoundError, match="does not exist"):
        read_annotations(tmp_path / "missing.xml")


def test_utf16_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    text = _asap(_annotation(SQUARE))
    (tmp_path / "a.xml").write_bytes(b"\xef\xbb\xbf" + text.encode())
    (tmp_path / "b.xml").write_text(text.replace("?>", ' encoding="utf-16"?>'), encoding="utf-16")
    for name in ("a.xml", "b.xml"):
        assert read_annotations(tmp_path / name).tumour.area == 200


def test_annotations_of_another_slide_are_refused(tmp_path: Path) -> None:
    annotations = _read(tmp_path, _asap(_annotation([(-4, 0), (500, 0), (500, 303), (0, 303)])))
    annotations.check_within(500, 301)  # a little over the edge is drawn by hand
    with pytest.raises(AnnotationError, match=r"x -4 to 500 and y 0 to 303 .* outside s1 of 301 × 500"):
        annotations.check_within(301, 500, "s1")
    with pytest.raises(AnnotationError, match="another slide"):
        annotations.check_within(500, 290)
