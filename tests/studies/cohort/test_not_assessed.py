"""What was not seen is not normal: in stages, FROC and slide AUC, and in their tables and pages."""

import csv
import json

import numpy as np
import pytest

from helpers import scan_folders, unseen_scans
from sentinode.core.errors import DataError
from sentinode.studies.cohort.froc_study import froc_of_scans
from sentinode.studies.cohort.slide_score_scans import LEAST_SLIDES, fit_on_scans
from sentinode.studies.cohort.stage_study import stage_scans

_PART = {"tissue_read": 0.085, "coverage": 0.09}


def _bar(cells):
    scores = np.zeros((4, 40))
    scores[1, :cells] = 0.9
    return scores


@pytest.fixture
def scans(tmp_path):
    """Patient 0: a micrometastasis, and a negative slide; patient 1: two negative ones."""
    for name, cells in {"a": 5, "b": 0, "c": 0, "d": 0}.items():
        scan_folders.write_scan(tmp_path / "scans" / name, _bar(cells))
    table = "slide,patient,stage\na,p0,pN1mi\nb,p0,pN1mi\nc,p1,pN0\nd,p1,pN0\n"
    (tmp_path / "patients.csv").write_text(table, encoding="utf-8")
    return tmp_path


def _staged(scans):
    return stage_scans(scans / "scans", scans / "patients.csv", scans / "out")


def _rows(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"tiles": _PART}, "only 8.5% of its tissue was read"),
        ({"tiles": {"coverage": 0.5}}, "only 50.0% of its tissue was read"),  # of an early scan
        ({"tiles": {"planned": 0, "scanned": 0}, "slide_score": None}, "no tissue was found"),
        ({"colours": "its colours are doubtful: it is grey all over"}, "grey all over"),
        ({"config": {"region": {"x0": 0, "y0": 0, "width": 9, "height": 9}}}, "only a region"),
    ],
)
def test_a_patient_with_a_slide_that_was_not_assessed_has_no_stage(scans, changes, reason):
    unseen_scans.change_record(scans / "scans" / "c", **changes)
    result = _staged(scans)
    assert result.stages == {"p0": "pN1mi", "p1": "not assessed"}
    assert result.facts["slides"]["c"] == "not assessed"
    assert reason in result.facts["not_assessed"]["c"]
    assert "no tumour in what was seen; not assessed: c" in result.summary()
    stages = {row["patient"]: row for row in _rows(scans / "out" / "stages.csv")}
    assert (stages["p1"]["stage"], stages["p0"]["note"]) == ("not assessed", "")
    assert stages["p1"]["note"] == "no tumour in what was seen; not assessed: c"
    slides = {row["slide"]: row for row in _rows(scans / "out" / "slides.csv")}
    assert slides["c"]["class"] == "not assessed"
    assert reason in slides["c"]["note"]
    page = (scans / "out" / "stages.html").read_text(encoding="utf-8")
    assert "no tumour in what was seen" in page
    assert reason in page


def test_what_is_known_of_such_a_patient_is_said(scans):
    unseen_scans.change_record(scans / "scans" / "b", tiles=_PART)
    assert _staged(scans).facts["notes"]["p0"] == "at least pN1mi; not assessed: b"


def test_what_a_slide_shows_in_part_counts_to_the_least(scans):
    unseen_scans.change_record(scans / "scans" / "a", tiles=_PART)
    found = _staged(scans).facts
    assert found["slides"]["a"] == "not assessed"
    assert found["notes"]["p0"] == "at least pN1mi; not assessed: a"


def test_a_slide_that_could_not_be_scanned_is_not_assessed(scans):
    (scans / "patients.csv").write_text("slide,patient\na,p0\nb,p0\nc,p1\nd,p1\ne,p1\n", encoding="utf-8")
    unseen_scans.write_failed(scans / "scans" / "e")
    found = _staged(scans).facts
    assert found["stages"]["p1"] == "not assessed"
    assert found["not_assessed"] == {"e": "it could not be scanned: it is truncated"}


def test_kappa_is_of_assessed_patients(scans):
    unseen_scans.change_record(scans / "scans" / "c", tiles=_PART)
    found = _staged(scans).facts
    assert found["quadratic_kappa"]["n"] == 1
    assert np.sum(found["stage_confusion_matrix"]) == 1


def test_at_95_percent_a_slide_is_assessed(scans):
    unseen_scans.change_record(scans / "scans" / "c", tiles={"tissue_read": 0.95})
    assert _staged(scans).stages["p1"] == "pN0"
    unseen_scans.change_record(scans / "scans" / "c", tiles={"tissue_read": 0.9499})
    assert _staged(scans).stages["p1"] == "not assessed"


def _annotate(folder, name, *boxes):
    folder.mkdir(exist_ok=True)
    regions = []
    for number, (left, top, right, bottom) in enumerate(boxes):
        corners = [[left, top], [right, top], [right, bottom], [left, bottom]]
        vertices = [[scan_folders.CELL_PX * side for side in corner] for corner in corners]
        regions.append({"name": str(number), "vertices": vertices})
    (folder / f"{name}.json").write_text(json.dumps({"positive": regions, "negative": []}), encoding="utf-8")


@pytest.fixture
def cohort(tmp_path):
    """A tumour slide whose target is hit, and a normal one without a false positive."""
    tumour = np.zeros((13, 21))
    tumour[3, 4] = 0.9
    scan_folders.write_scan(tmp_path / "scans" / "hit", tumour)
    scan_folders.write_scan(tmp_path / "scans" / "normal", np.zeros((11, 8)))
    _annotate(tmp_path / "truth", "hit", (2, 2, 7, 6))
    return tmp_path


def _froc(cohort):
    return froc_of_scans(cohort / "scans", cohort / "truth", cohort / "out")


def test_lesions_of_slides_that_could_not_be_scanned_are_missed(cohort):
    before = _froc(cohort).facts
    assert (before["metrics"]["froc"]["value"], before["metrics"]["slide_auc"]["value"]) == (1, 1)
    unseen_scans.write_failed(cohort / "scans" / "lost")
    _annotate(cohort / "truth", "lost", (40, 30, 45, 34), (60, 60, 60.6, 60.6))  # a target, and isolated cells
    result = _froc(cohort)
    found = result.facts
    assert (found["slides"], found["targets"], found["isolated"]) == (3, 2, 1)
    assert found["metrics"]["froc"]["value"] == 0.5
    assert found["metrics"]["slide_auc"]["value"] == 0.75  # no higher than the normal one
    assert found["by_slide"]["lost"]["targets"] == [None]
    assert found["not_assessed"] == {"lost": "it could not be scanned: it is truncated"}
    assert "lost is not assessed: it could not be scanned" in result.summary()
    assert "not assessed" in (cohort / "out" / "froc.html").read_text(encoding="utf-8")


def test_a_tumour_slide_that_was_seen_in_part_stays_with_what_was_found(cohort):
    unseen_scans.change_record(cohort / "scans" / "hit", tiles=_PART)
    found = _froc(cohort).facts
    assert (found["slides"], found["metrics"]["froc"]["value"]) == (2, 1)
    assert found["not_assessed"] == {"hit": "only 8.5% of its tissue was read"}


def test_normal_slides_that_were_not_seen_are_left_out_by_name(cohort):
    scan_folders.write_scan(cohort / "scans" / "part", np.zeros((11, 8)))
    unseen_scans.change_record(cohort / "scans" / "part", tiles=_PART)
    unseen_scans.write_failed(cohort / "scans" / "gone")
    found = _froc(cohort).facts
    assert found["slides"] == 2
    assert any("part, which is not assessed" in note for note in found["notes"])
    assert any("gone, which has no tumour drawn; it could not be scanned" in note for note in found["notes"])


def test_a_slide_score_is_fitted_on_assessed_slides(tmp_path):
    rows = ["slide,label"]
    for number in range(2 * LEAST_SLIDES):
        scan_folders.write_scan(tmp_path / "scans" / f"s{number:02}", _bar(number % 2 * (3 + number)))
        rows.append(f"s{number:02},{number % 2}")
    (tmp_path / "labels.csv").write_text("\n".join(rows), encoding="utf-8")
    unseen_scans.change_record(tmp_path / "scans" / "s03", tiles=_PART)
    with pytest.raises(DataError, match=f"{LEAST_SLIDES - 1} scanned slides in .* with tumour"):
        fit_on_scans(tmp_path / "scans", tmp_path / "labels.csv")
