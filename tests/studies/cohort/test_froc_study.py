"""From scan folders and annotation files to the FROC, by hand."""

import csv
import inspect
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import scan_folders
from sentinode.cli.froc import froc as froc_command
from sentinode.cli.main import main
from sentinode.core.errors import AnnotationError, DataError
from sentinode.studies.cohort.froc_study import MINIMUM, RADIUS_UM, froc_of_scans

CELL_PX = 200
"""Level-0 pixels of a cell of `scan_folders`."""


def annotate(path, *boxes):
    """Polygons JSON of tumour from (left, top, right, bottom) in cells of 100 µm."""
    regions = []
    for number, box in enumerate(boxes):
        left, top, right, bottom = (CELL_PX * place for place in box)
        vertices = [[left, top], [right, top], [right, bottom], [left, bottom]]
        regions.append({"name": f"Annotation {number}", "vertices": vertices})
    path.parent.mkdir(exist_ok=True)
    path.write_text(json.dumps({"positive": regions, "negative": []}), encoding="utf-8")


@pytest.fixture
def cohort(tmp_path):
    """A tumour slide with two targets, one hit, and isolated cells; a normal one with two false positives."""
    tumour, normal = np.zeros((13, 21)), np.zeros((11, 8))
    tumour[3, 4], tumour[4, 4] = 0.9, 0.8  # within 200 µm of each other: one detection
    tumour[10, 18] = 0.7  # isolated cells
    tumour[11, 2] = 0.6  # background
    normal[2, 5], normal[9, 1] = 0.85, 0.3
    scan_folders.write_scan(tmp_path / "scans" / "slide_a", tumour)
    scan_folders.write_scan(tmp_path / "scans" / "slide_b", normal)
    annotate(tmp_path / "truth" / "slide_a.json", (2, 2, 7, 6), (12, 2, 17, 6), (18.2, 10.2, 18.8, 10.8))
    return tmp_path


def test_froc_of_two_slides_by_hand(cohort):
    found = froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out").facts
    assert (found["slides"], found["tumour_slides"], found["targets"], found["isolated"]) == (2, 1, 2, 1)
    assert found["by_slide"]["slide_a"]["targets"] == [pytest.approx(0.9), None]
    assert found["by_slide"]["slide_a"]["ignored_detections"] == 1
    assert found["curve"]["false_positives_per_slide"] == [0, 0, 0.5, 1.0, 1.5]
    assert found["curve"]["sensitivity"] == [0, 0.5, 0.5, 0.5, 0.5]
    assert found["metrics"]["froc"]["value"] == 0.5
    assert found["metrics"]["slide_auc"]["value"] == 1
    assert json.loads((cohort / "out" / "froc.json").read_text(encoding="utf-8")) == found
    assert "slide_b" in (cohort / "out" / "froc.html").read_text(encoding="utf-8")


def test_detections_are_written_in_level_0_pixels(cohort):
    froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out")
    with (cohort / "out" / "detections.csv").open(newline="", encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    assert [(row["slide"], int(row["x"]), int(row["y"])) for row in rows] == [
        ("slide_a", 900, 700),
        ("slide_a", 3700, 2100),
        ("slide_a", 500, 2300),
        ("slide_b", 1100, 500),
        ("slide_b", 300, 1900),
    ]
    assert (rows[0]["x_um"], rows[0]["y_um"], float(rows[0]["score"])) == ("450.0", "350.0", pytest.approx(0.9))


def test_radius_and_least_score_are_used(cohort):
    found = froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out", radius_um=50, minimum=0.5).facts
    assert found["by_slide"]["slide_a"]["repeated_detections"] == 1
    assert found["by_slide"]["slide_b"]["false_positives"] == 1


def test_slides_that_the_organisers_leave_out_are_left_out_and_named(cohort):
    scan_folders.write_scan(cohort / "scans" / "Test_114", np.full((5, 4), 0.9))
    found = froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out").facts
    assert found["slides"] == 2
    assert any("Test_114" in note for note in found["notes"])


def test_what_was_mended_in_an_annotation_is_said_wherever_the_figures_are(cohort, capsys):
    """Drawn from the corner of the scanned area, where its form counts from the canvas's: ASAP's corner."""
    record = cohort / "scans" / "slide_a" / "scan.json"
    changed = json.loads(record.read_text(encoding="utf-8"))
    changed["slide"] |= {"origin_x": 90_000, "origin_y": 70_000}
    record.write_text(json.dumps(changed), encoding="utf-8")
    words = ["froc", str(cohort / "scans"), "--annotations", str(cohort / "truth"), "--out", str(cohort / "out")]
    for as_json in ([], ["--json"]):
        with pytest.raises(SystemExit):
            main([*words, *as_json])
        said = capsys.readouterr().out
        assert "slide_a: its regions lie on the slide only if counted from the corner of the scanned area" in said
        notes = json.loads(said)["notes"] if as_json else [said]
        assert len([note for note in notes if "slide_a" in note]) == 1


def test_a_cell_that_juts_out_over_the_edge_counts(cohort):
    scores = np.zeros((6, 9))
    scores[5, 8] = 0.95
    scan_folders.write_scan(cohort / "scans" / "slide_c", scores, width=8 * CELL_PX + 30, height=5 * CELL_PX + 30)
    annotate(cohort / "truth" / "slide_c.json", (1, 1, 5, 4))
    found = froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out").facts
    assert found["by_slide"]["slide_c"]["false_positives"] == 1


def test_thumbnails_come_from_the_slides(cohort):
    pixels = np.full((55, 40, 3), 200, np.uint8)
    (cohort / "slides").mkdir()
    Image.fromarray(pixels).save(cohort / "slides" / "slide_b.tif")
    froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out", slides=cohort / "slides")
    page = (cohort / "out" / "froc.html").read_text(encoding="utf-8")
    assert page.count('alt="Slide of slide_b"') == 1
    assert 'alt="Slide of slide_a"' not in page
    assert 'alt="Truth of slide_a"' in page


def test_patients_are_resampled(cohort):
    scan_folders.write_scan(cohort / "scans" / "slide_c", np.full((6, 9), 0.7))
    annotate(cohort / "truth" / "slide_c.json", (1, 1, 5, 5))
    table = cohort / "patients.csv"
    table.write_text("slide,patient\nslide_a.tif,p\nslide_b.tif,q\nslide_c.tif,r\n", encoding="utf-8")
    found = froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out", patients=table).facts
    assert "3 groups" in found["metrics"]["froc"]["method"]
    table.write_text("slide,patient\nslide_a.tif,p\nslide_b.tif,q\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"slide_c .*not in"):
        froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out", patients=table)


def test_scans_of_two_bundles_are_not_mixed(cohort):
    scan_folders.write_scan(cohort / "scans" / "slide_c", np.zeros((3, 4)), bundle="another")
    with pytest.raises(DataError, match="several bundles"):
        froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out")


def test_the_annotation_of_another_slide_is_refused(cohort):
    annotate(cohort / "truth" / "slide_b.json", (20, 20, 30, 30))
    with pytest.raises(AnnotationError, match="slide_b"):
        froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out")
    assert not Path(cohort / "out").exists()


def test_the_command_has_the_same_defaults():
    parameters = inspect.signature(froc_command).parameters
    assert (parameters["radius_um"].default, parameters["minimum"].default) == (RADIUS_UM, MINIMUM)


def annotate_geojson(path, *classes, kind="Polygon"):
    """A square of cells for each class; None: a feature without one."""
    ring = [[CELL_PX * x, CELL_PX * y] for x, y in ((1, 1), (5, 1), (5, 5), (1, 5), (1, 1))]
    geometry = {"type": kind, "coordinates": [ring] if kind == "Polygon" else ring}
    features = [
        {"type": "Feature", "geometry": geometry, "properties": {"classification": {"name": name}} if name else {}}
        for name in classes
    ]
    path.write_text(json.dumps({"type": "FeatureCollection", "features": features}), encoding="utf-8")


@pytest.mark.parametrize("name", ["slide_b.tif.geojson", "SLIDE_B.GeoJSON", "slide_b.svs.json"])
def test_an_annotation_is_found_whatever_its_case_and_kept_suffix(cohort, name):
    annotate_geojson(cohort / "truth" / name, "Tumor")
    found = froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out").facts
    assert (found["tumour_slides"], found["unused_annotations"]) == (2, [])


def test_annotations_of_no_scanned_slide_are_named(cohort):
    for name in ("slide_b2.geojson", "slide-b.xml", "slide_b.ndpa"):
        annotate_geojson(cohort / "truth" / name, "Tumor")
    result = froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out")
    assert result.facts["unused_annotations"] == ["slide-b.xml", "slide_b.ndpa", "slide_b2.geojson"]
    page = (cohort / "out" / "froc.html").read_text(encoding="utf-8")
    for text in (page, result.summary()):
        assert "slide-b.xml, slide_b.ndpa, slide_b2.geojson" in text


@pytest.mark.parametrize("classes", [("Carcinoma",), (None,), ("Stroma", "Carcinoma")])
def test_regions_none_of_which_is_tumour_are_refused_until_it_is_named(cohort, classes):
    annotate_geojson(cohort / "truth" / "slide_b.geojson", *classes)
    with pytest.raises(AnnotationError, match=r"no region is called tumour, the classes are: .*--tumour-name"):
        froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out")
    if classes[-1]:
        found = froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out", tumour_names=["carcinoma"]).facts
        assert found["tumour_slides"] == 2
        assert found["classes_passed_over"] == sorted({*classes} - {"Carcinoma"})


@pytest.mark.parametrize("kind", ["LineString", "MultiPoint"])
def test_a_slide_whose_tumour_has_no_area_is_left_out_and_named(cohort, kind):
    annotate_geojson(cohort / "truth" / "slide_b.geojson", "Tumor", kind=kind)
    result = froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out", patients=None)
    assert result.facts["slides"] == 1
    assert f"Left out: slide_b: its tumour is drawn as {kind}, which has no area." in result.summary()
