"""From scan folders and a table of patients to stages."""

import json

import numpy as np
import pytest
from PIL import Image

from helpers import scan_folders
from sentinode.core.errors import DataError, DataNotFoundError, EvaluationError
from sentinode.data.patient_table import read_patients
from sentinode.slides.slide_names import SlideNames
from sentinode.studies.cohort.stage_study import stage_scans

NO_SLIDES = SlideNames(())


def bar(cells, score=0.9):
    """A heatmap with one focus that many cells of 100 µm long."""
    scores = np.zeros((4, 40))
    scores[1, :cells] = score
    return scores


@pytest.fixture
def scans(tmp_path):
    """Patient 0: micro and ITC. Patient 1: macro and nothing."""
    for name, cells in {"a": 5, "b": 2, "c": 30, "d": 0}.items():
        scan_folders.write_scan(tmp_path / "scans" / name, bar(cells))
    (tmp_path / "patients.csv").write_text(
        "slide,patient,stage\na.tif,p0,pN1mi\nb.tif,p0,pN1mi\nc.tif,p1,pN0\nd.tif,p1,pN0\ne.tif,p2,pN2\n",
        encoding="utf-8",
    )
    return tmp_path


def test_classes_stages_and_kappa(scans):
    found = stage_scans(scans / "scans", scans / "patients.csv", scans / "out").facts
    assert found["slides"] == {"a": "micro", "b": "itc", "c": "macro", "d": "negative"}
    assert found["stages"] == {"p0": "pN1mi", "p1": "pN1"}
    assert found["patients_without_scans"] == 1
    assert found["incomplete_patients"] == ["p0", "p1"]
    # Stages 2 and 0 called 2 and 3: disagreement 9, by chance (0 + 1 + 4 + 9) / 2.
    assert found["quadratic_kappa"]["value"] == pytest.approx(1 - 9 / 7)
    assert found["stage_confusion_matrix"][0][3] == found["stage_confusion_matrix"][2][2] == 1
    assert json.loads((scans / "out" / "stages.json").read_text(encoding="utf-8")) == found
    assert (scans / "out" / "stages.csv").read_text(encoding="utf-8") == (
        "patient,stage,true_stage,slides,note\np0,pN1mi,pN1mi,2,\np1,pN1,pN0,2,\n"
    )


def test_the_page_shows_patients_slides_and_overlays(scans):
    picture = Image.fromarray(np.full((30, 40, 3), 200, np.uint8))
    picture.save(scans / "scans" / "a" / "overlay.png")
    stage_scans(scans / "scans", scans / "patients.csv", scans / "out")
    page = (scans / "out" / "stages.html").read_text(encoding="utf-8")
    assert page.count("data:image/jpeg") == 1  # the other scans have no overlay
    for said in (
        "Quadratic kappa",
        "1 of 2",
        "0.50 mm",
        "3.00 mm",
        "pN1mi",
        "Left out without a scan: 1 patient",
        "not 5",
    ):
        assert said in page
    assert "http" not in page.replace("http://www.w3.org", "")


def test_weak_lesions_can_be_left_out(scans):
    scan_folders.write_scan(scans / "scans" / "e", bar(30, score=0.6))
    found = stage_scans(scans / "scans", scans / "patients.csv", scans / "out", least_score=0.7).facts
    assert found["slides"]["e"] == "negative"
    assert found["stages"]["p2"] == "pN0"


def test_all_slides_of_a_patient_are_needed(scans):
    (scans / "patients.csv").write_text("slide,patient\na,p0\nb,p0\nc,p0\nd,p0\ne,p0\n", encoding="utf-8")
    with pytest.raises(EvaluationError, match=r"slide e .*not scanned"):
        stage_scans(scans / "scans", scans / "patients.csv", scans / "out")
    (scans / "patients.csv").write_text("slide,patient\na,p0\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"slide b .*not in"):
        stage_scans(scans / "scans", scans / "patients.csv", scans / "out")


def test_camelyon17_table(tmp_path):
    table = tmp_path / "stage_labels.csv"
    table.write_text("patient,stage\npatient_000.zip,pN1\npatient_000_node_0.tif,macro\n", encoding="utf-8")
    known = read_patients(table, NO_SLIDES)
    assert known.of_slide == {"patient_000_node_0": "patient_000"}
    assert known.stages == {"patient_000": "pN1"}
    assert known.classes == {"patient_000_node_0": "macro"}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("a,b\n1,2\n", "has columns"),
        ("", "is empty"),
        ("slide,patient,stage\na,p,pN9\n", "'pN9', which is none of"),
        ("slide,patient\na,p\na,q\n", "line 3: it says q of a, and an earlier line p"),
    ],
)
def test_tables_that_can_not_be_used(tmp_path, text, message):
    (tmp_path / "patients.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_patients(tmp_path / "patients.csv", NO_SLIDES)
    with pytest.raises(DataNotFoundError, match="does not exist"):
        read_patients(tmp_path / "none.csv", NO_SLIDES)


@pytest.mark.parametrize(
    "rows",
    [
        "slide,patient\nCASE-01.B1,p1\nCASE-01.B2,p1\n0012,p3\n",
        "slide;patient\nCASE-01.B1.tif ;p1\ncase-01.b2.tif;p1 \nslides/0012.svs;p3\n",
        "patient,slide,\np1,CASE-01.B1.tif,\n\np1,CASE-01.B2.TIF,\np3,0012.tif,\n,,\n",
    ],
)
def test_slides_and_patients_are_matched_as_people_write_them(tmp_path, rows):
    for name, cells in {"CASE-01.B1": 5, "CASE-01.B2": 2, "0012": 0}.items():
        scan_folders.write_scan(tmp_path / "scans" / name, bar(cells))
    (tmp_path / "patients.csv").write_text(rows, encoding="utf-8")
    found = stage_scans(tmp_path / "scans", tmp_path / "patients.csv", tmp_path / "out").facts
    assert found["stages"] == {"p1": "pN1mi", "p3": "pN0"}


@pytest.mark.parametrize(
    ("rows", "said"),
    [
        ("slide,patient\na.tif,p1\nb.tif,\nc.tif,p2\nd.tif, \n", "line 3: there is no patient"),
        ("slide,patient\na.tif,p1\nb.tif,nan\nc.tif,p2\nd.tif,nan\n", "line 3: there is no patient"),
        ("slide,patient\na.tif,p1\nb.tif,unknown\nc.tif,p2\nd.tif,unknown\n", "line 3: the patient is 'unknown'"),
        ("slide,patient\n,p1\n", "line 2: there is no slide"),
        ("patient,slide\np1,a.tif\n\np2\n", "line 4: 1 value for 2 columns"),
        ("slide,patient\na.tif,p1\nA,p2\nb,p2\nc,p2\nd,p2\n", "line 3: it says p2 of a, and an earlier line p1"),
        ("slide,patient\na,P1\nb,p1\nc,p2\nd,p2\n", "patients 'P1' and 'p1'; write one name for one"),
        ("patient,patient,slide\np1,p2,a.tif\n", "2 columns 'patient'"),
    ],
)
def test_a_table_that_would_stage_the_wrong_patient_is_refused(scans, rows, said):
    (scans / "patients.csv").write_text(rows, encoding="utf-8")
    with pytest.raises(DataError, match=said):
        stage_scans(scans / "scans", scans / "patients.csv", scans / "out")
    assert not (scans / "out").exists()


def test_no_cell_of_the_tables_is_a_formula(tmp_path):
    scan_folders.write_scan(tmp_path / "scans" / "=1+1", bar(2))
    (tmp_path / "patients.csv").write_text("slide,patient\n'=1+1.tif,@p\n", encoding="utf-8")
    found = stage_scans(tmp_path / "scans", tmp_path / "patients.csv", tmp_path / "out").facts
    assert found["stages"] == {"@p": "pN0(i+)"}
    assert (tmp_path / "out" / "slides.csv").read_text(encoding="utf-8").splitlines()[1] == "'=1+1,'@p,itc,,"
