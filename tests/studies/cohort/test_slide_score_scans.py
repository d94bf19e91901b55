"""A slide score from labelled scan folders, and back into them."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from helpers import scan_folders
from sentinode.cli.main import main
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.scanning.scan_folder import open_scan, read_record
from sentinode.scanning.scan_record import RECORD_FILE
from sentinode.scanning.slide_score import SlideScore
from sentinode.slides.slide_names import SlideNames
from sentinode.studies.cohort.slide_score_scans import LEAST_SLIDES, apply_to_scans, fit_on_scans, read_labels


def scores(number: int) -> np.ndarray:
    """Odd slides have a focus; even ones a cell that is as high, alone."""
    random = np.random.default_rng(number)
    values = random.uniform(0, 0.4, (11, 14))
    values[random.integers(1, 8), random.integers(1, 11)] = 0.95
    if number % 2:
        row, column = random.integers(1, 7), random.integers(1, 10)
        values[row : row + 3, column : column + 3] = random.uniform(0.7, 0.95, (3, 3))
    return values


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("cohort")
    lines = ["slide,label,patient"]
    for number in range(2 * LEAST_SLIDES):
        scan_folders.write_scan(folder / "scans" / f"s{number:02d}", scores(number))
        lines.append(f"s{number:02d}.tif,{('normal', 'tumour')[number % 2]},p{number // 4}")
    (folder / "labels.csv").write_text("\n".join(lines), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def fitted(cohort: Path) -> SlideScore:
    return fit_on_scans(cohort / "scans", cohort / "labels.csv")[0]


def test_a_focus_beats_the_highest_cell_across_patients(fitted: SlideScore, tmp_path: Path) -> None:
    found = fitted.validation
    assert (fitted.model.slides, fitted.model.tumour_slides) == (2 * LEAST_SLIDES, LEAST_SLIDES)
    assert (found.patients, found.folds) == (5, 5)
    assert found.auc["value"] > 0.95 > found.auc_of_highest["value"]
    assert found.auc["low"] <= found.auc["value"] <= found.auc["high"]
    assert found.brier < found.brier_of_prevalence
    fitted.save(tmp_path / "score.json")
    assert SlideScore.load(tmp_path / "score.json") == fitted


def test_finished_scans_get_it_with_its_origin(fitted: SlideScore, tmp_path: Path) -> None:
    for number in (100, 101):
        scan_folders.write_scan(tmp_path / f"s{number}", scores(number))
    before = json.loads((tmp_path / "s101" / RECORD_FILE).read_text(encoding="utf-8"))
    normal, tumour = apply_to_scans(fitted, tmp_path)
    assert normal.slide_score < 0.5 < tumour.slide_score
    assert tumour.slide_score == fitted.of(open_scan(tmp_path / "s101").heatmap())
    after = json.loads((tmp_path / "s101" / RECORD_FILE).read_text(encoding="utf-8"))
    assert {key for key in after if after[key] != before[key]} == {"slide_score", "slide_score_method"}
    assert f"fitted on {2 * LEAST_SLIDES} slides" in after["slide_score_method"]


def test_other_bundles_and_strides_are_refused_before_anything_is_changed(fitted: SlideScore, tmp_path: Path) -> None:
    scan_folders.write_scan(tmp_path / "a", scores(1))
    scan_folders.write_scan(tmp_path / "b", scores(2), bundle="other")
    with pytest.raises(DataError, match=r"pcam, tumour.*other"):
        apply_to_scans(fitted, tmp_path)
    assert read_record(tmp_path / "a").slide_score_method == "the heatmap's highest value"
    with pytest.raises(DataError, match="cells of 100 µm, not 50 µm"):
        fitted.check("pcam", "pcam", "tumour", 50.0)


def test_too_few_slides_of_a_class_are_refused(cohort: Path, tmp_path: Path) -> None:
    lines = (cohort / "labels.csv").read_text(encoding="utf-8").splitlines()
    (tmp_path / "few.csv").write_text("\n".join(lines[:-2]), encoding="utf-8")
    with pytest.raises(DataError, match=f"9 scanned slides in .* with tumour; .* at least {LEAST_SLIDES}"):
        fit_on_scans(cohort / "scans", tmp_path / "few.csv")


def test_what_was_left_out_is_named(cohort: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    scans, labels = tmp_path / "scans", tmp_path / "labels.csv"
    shutil.copytree(cohort / "scans", scans)
    for name in ("x1", "x2"):
        scan_folders.write_scan(scans / name, scores(1))
    missing = [f"\nz{number:02d},tumour,q" for number in range(12)]
    labels.write_text((cohort / "labels.csv").read_text(encoding="utf-8") + "".join(missing), encoding="utf-8")
    words = ["slide-score", "fit", str(scans), "--labels", str(labels), "--out", str(tmp_path / "score.json")]
    for as_json in ([], ["--json"]):
        with pytest.raises(SystemExit):
            main([*words, *as_json])
        said = capsys.readouterr().out
        if as_json:
            left_out = json.loads(said)["left_out"]
            assert left_out["unlabelled"] == ["x1", "x2"]
            assert len(left_out["unscanned"]) == 12
        else:
            assert "left out   2 scans without a label: x1, x2\n" in said
            assert "left out   12 labels without a finished scan: z00, " in said
            assert "z09 and 2 more\n" in said


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("slide,label\na,perhaps\n", "'perhaps', which is none of"),
        ("slide,label\na,0\na.tif,1\n", "line 3: it says tumour of a, and an earlier line normal"),
        ("slide,patient\na,p\n", "no label of a slide"),
        ("a,b\n1,2\n", "has columns a, b"),
        ("slide,label,patient\na,0,p\nb,1,\n", "line 3: there is no patient"),
        ("slide,label,label\na,0,1\n", "2 columns 'label'"),
        ("slide,label\na,0,1\n", "line 2: 3 values for 2 columns"),
        ("slide,label\na,nan\n", "line 2: label '', which is none of"),
    ],
)
def test_labels_that_can_not_be_used(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    with pytest.raises(DataError, match=message):
        read_labels(tmp_path / "labels.csv", SlideNames(["a.tif"]))


def test_files_that_are_no_slide_score(tmp_path: Path) -> None:
    (tmp_path / "junk.json").write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="is no slide score"):
        SlideScore.load(tmp_path / "junk.json")
    with pytest.raises(DataNotFoundError, match="slide-score fit"):
        SlideScore.load(tmp_path / "none.json")


def test_slides_are_matched_without_suffix_and_words_in_any_case(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("Slide;Label\nCASE-01.B1;Tumour\n0012.svs;NORMAL\n", encoding="utf-8")
    slides = SlideNames(["CASE-01.B1.tif", "0012.tif"])
    assert read_labels(tmp_path / "labels.csv", slides) == ({"CASE-01.B1": 1, "0012": 0}, {})
