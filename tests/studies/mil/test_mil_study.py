"""`sentinode mil` on drawn bags, end to end: what it writes, that it can be killed, and that the test is kept apart."""

import csv
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import h5py
import numpy as np
import pytest

from helpers.bags import write_as_trident
from helpers.mil_cohorts import write_cohort
from sentinode.core.errors import DataError, LeakError, RecipeError, TrainingError
from sentinode.core.settings import Settings
from sentinode.models.mil.slide_bundle import open_slide_bundle
from sentinode.studies.mil.mil_folder import MilResult
from sentinode.studies.mil.mil_recipe import LabelsConfig
from sentinode.studies.mil.mil_slides import load_slides
from sentinode.studies.mil.mil_study import mil

_QUICK = (
    "crossval.folds=3", "crossval.repeats=1", "crossval.permutations=20", "mil.epochs=40", "mil.patience=15",
    "mil.hidden=16", "mil.attention_size=8", "mil.learning_rate=0.01",
)  # fmt: skip
_WITHOUT_LOOKS = (*_QUICK, "crossval.explained=0")
_BRIEF = (*_WITHOUT_LOOKS, "mil.epochs=3")
"""Of what does not depend on how much was learned."""
_FEW = ("mean", "abmil")


@pytest.fixture(scope="module")
def cohort(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_cohort(tmp_path_factory.mktemp("cohort") / "c", slides=36, test=16, patients=12, signal=4.0)


def _mil(labels: Path, cohort: Path, out: Path, **asked: object) -> MilResult:
    settings = replace(Settings.from_environment(), threads=1)
    options: dict[str, object] = {"methods": _FEW, "overrides": _QUICK, "settings": settings} | asked
    return mil(labels, out, features=cohort / "bags", **options)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def finished(cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> MilResult:
    out = tmp_path_factory.mktemp("mil") / "out"
    return _mil(cohort / "labels.csv", cohort, out, by="cells", annotations=cohort / "annotations")


def _tree(folder: Path) -> dict[str, bytes]:
    """All but what of the bundle has the time at which it was made."""
    files = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    dated = {"bundle/slide-model.json", "bundle/MODEL_CARD.md"}
    return {name: path.read_bytes() for name, path in files.items() if name not in dated}


def test_every_method_is_measured_on_the_same_slides(finished: MilResult) -> None:
    crossval, test = finished.metrics["cross_validation"], finished.metrics["test"]
    names = [row["name"] for row in crossval["methods"]]
    assert names == ["mean", "abmil", "chosen inside", "patch model, highest tile", "patch model, ten highest"]
    assert (crossval["n"], test["n"]) == (36, 16)
    assert crossval["patients"] == 12
    abmil = crossval["methods"][1]
    assert set(abmil["metrics"]) == {"auc", "sensitivity", "specificity", "log_loss", "calibration_error"}
    assert set(abmil["differences"]) == {"mean"}
    assert len(abmil["permutation"]["shuffled"]) == 20
    assert sum(finished.metrics["chosen_inside"].values()) == 3


def test_attention_finds_the_planted_lesions(finished: MilResult) -> None:
    attention = {one["method"]: one for one in finished.metrics["attention"]}
    assert set(attention) == {"abmil"}
    hits = attention["abmil"]["hits"]
    assert hits["hits"]["value"] > hits["chance"]
    assert hits["hits"]["n"] == 18


def test_every_answer_is_written(finished: MilResult) -> None:
    with (finished.folder / "report" / "predictions.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 5 * 36
    mean = [row for row in rows if row["method"] == "mean"]
    assert len({row["slide"] for row in mean}) == 36
    owners: dict[str, set[str]] = {}
    for row in mean:
        owners.setdefault(row["patient"], set()).add(row["fold"])
    assert all(len(folds) == 1 for folds in owners.values())


def test_the_page_says_what_was_found(finished: MilResult) -> None:
    text = finished.report.read_text(encoding="utf-8")
    assert "Out of fold, ABMIL is" in text
    assert "with an outlined lesion" in text
    assert "cells up to" in text
    assert "http" not in text.replace("http://www.w3.org", "")


def test_the_chosen_method_is_a_bundle_with_cross_validated_figures(finished: MilResult) -> None:
    assert finished.bundle is not None
    info = open_slide_bundle(finished.bundle).info
    assert info.aggregator.method == finished.metrics["chosen"]
    rows = {row["name"]: row for row in finished.metrics["cross_validation"]["methods"]}
    assert info.metrics is not None
    assert info.metrics.figures["auc"].to_json() == rows[finished.metrics["chosen"]]["metrics"]["auc"]
    assert info.threshold is not None
    assert info.threshold.split == "out-of-fold"


def test_a_finished_folder_is_read_and_not_made_again(cohort: Path, finished: MilResult) -> None:
    before = (finished.folder / "mil.json").stat().st_mtime_ns
    again = _mil(cohort / "labels.csv", cohort, finished.folder, by="cells", annotations=cohort / "annotations")
    assert again.metrics == finished.metrics
    assert (finished.folder / "mil.json").stat().st_mtime_ns == before


def test_another_recipe_does_not_go_into_it(cohort: Path, finished: MilResult) -> None:
    with pytest.raises(TrainingError, match="by another recipe"):
        _mil(cohort / "labels.csv", cohort, finished.folder, seed=1)


def test_a_finished_folder_does_not_answer_for_other_labels_slides_or_outlines(
    cohort: Path, finished: MilResult, tmp_path: Path
) -> None:
    flipped = [_flipped(line) for line in (cohort / "labels.csv").read_text(encoding="utf-8").splitlines()[1:]]
    head = (cohort / "labels.csv").read_text(encoding="utf-8").splitlines()[0]
    (tmp_path / "flipped.csv").write_text("\n".join([head, *flipped]) + "\n", encoding="utf-8")
    asked = {"by": "cells", "annotations": cohort / "annotations"}
    with pytest.raises(TrainingError, match="labels or features"):
        _mil(tmp_path / "flipped.csv", cohort, finished.folder, **asked)
    with pytest.raises(DataError):
        _mil(tmp_path / "none.csv", cohort, finished.folder, **asked)
    before = (finished.folder / "mil.json").read_text(encoding="utf-8")
    (tmp_path / "outlines").mkdir()
    changed = _mil(cohort / "labels.csv", cohort, finished.folder, by="cells", annotations=tmp_path / "outlines")
    assert finished.metrics["attention"][0]["hits"] is not None
    assert all(one["hits"] is None for one in changed.metrics["attention"])
    assert (finished.folder / "mil.json").read_text(encoding="utf-8") != before
    _mil(cohort / "labels.csv", cohort, finished.folder, **asked)
    assert (finished.folder / "mil.json").read_text(encoding="utf-8") == before


def test_a_start_that_is_another_now_does_not_go_into_it(cohort: Path, finished: MilResult, tmp_path: Path) -> None:
    assert finished.bundle is not None
    shutil.copytree(finished.bundle, tmp_path / "start")
    method = finished.metrics["chosen"]
    asked = {"methods": (method,), "overrides": (*_WITHOUT_LOOKS, f"mil.start=bundle:{tmp_path / 'start'}")}
    ran = _mil(cohort / "labels.csv", cohort, tmp_path / "out", **asked)
    status = json.loads((ran.folder / "mil.json").read_text(encoding="utf-8"))
    (ran.folder / "mil.json").write_text(json.dumps(status | {"status": "started"}), encoding="utf-8")
    assert ran.bundle is not None
    shutil.rmtree(tmp_path / "start")
    shutil.copytree(ran.bundle, tmp_path / "start")
    with pytest.raises(TrainingError, match=r"slide bundle of mil\.start"):
        _mil(cohort / "labels.csv", cohort, tmp_path / "out", **asked)


def test_the_choice_knows_nothing_of_the_test_slides(cohort: Path, tmp_path: Path) -> None:
    text = (cohort / "labels.csv").read_text(encoding="utf-8").splitlines()
    flipped = [_flipped(line) if ",test," in line else line for line in text]
    (tmp_path / "flipped.csv").write_text("\n".join(flipped) + "\n", encoding="utf-8")
    one = _mil(cohort / "labels.csv", cohort, tmp_path / "a", overrides=_BRIEF)
    other = _mil(tmp_path / "flipped.csv", cohort, tmp_path / "b", overrides=_BRIEF)
    assert (one.folder / "choice.json").read_bytes() == (other.folder / "choice.json").read_bytes()
    assert one.metrics["cross_validation"] == other.metrics["cross_validation"]
    assert one.metrics["test"] != other.metrics["test"]


def _flipped(line: str) -> str:
    slide, label, *rest = line.split(",")
    return ",".join([slide, str(1 - int(label)), *rest])


@pytest.mark.slow
def test_killed_it_goes_on_and_ends_in_the_same_bytes(cohort: Path, finished: MilResult, tmp_path: Path) -> None:
    out = tmp_path / "out"
    words = [
        "mil", "--features", str(cohort / "bags"), "--labels", str(cohort / "labels.csv"), "--out", str(out), "--by",
        "cells", "--annotations", str(cohort / "annotations"), "--methods", "mean,abmil", "-q",
        *(word for override in _QUICK for word in ("--set", override)),
    ]  # fmt: skip
    command = [sys.executable, "-c", "from sentinode.cli.main import main; main()", *words]
    environment = {**os.environ, "SENTINODE_THREADS": "1"}
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 300
    while len(list((out / "fits").glob("*.json"))) < 2 and process.poll() is None and time.monotonic() < deadline:
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert 2 <= len(list((out / "fits").glob("*.json"))) < 8
    torn = sorted((out / "fits").glob("*.json"))[0]
    (out / "fits" / f".{torn.name}.0123456789ab.partial").write_bytes(b"half")
    torn.unlink()
    _mil(cohort / "labels.csv", cohort, out, by="cells", annotations=cohort / "annotations")
    assert _tree(out) == _tree(finished.folder)


def test_stages_have_kappa_and_recalls(cohort: Path, tmp_path: Path) -> None:
    lines = ["slide,label"]
    for number in range(36):
        stage = ("itc", "micro", "macro")[number // 2 % 3] if number % 2 else "negative"
        lines.append(f"s{number:03d},{stage}")
    (tmp_path / "stages.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    asked = (*_BRIEF, "crossval.folds=2")
    found = _mil(tmp_path / "stages.csv", cohort, tmp_path / "out", task="stage", overrides=asked)
    stages = {row["name"]: row for row in found.metrics["stages"]}
    assert set(stages) == set(_FEW)
    assert [sum(row) for row in stages["abmil"]["confusion"]] == [18, 6, 6, 6]
    assert "Quadratic kappa" in found.report.read_text(encoding="utf-8")


def test_a_grid_is_chosen_from_inside_the_folds(cohort: Path, tmp_path: Path) -> None:
    grid = "crossval.grid={learning_rate=[0.01, 0.0000001]}"
    found = _mil(cohort / "labels.csv", cohort, tmp_path / "out", methods=("mean",), overrides=(*_WITHOUT_LOOKS, grid))
    choice = json.loads((found.folder / "choice.json").read_text(encoding="utf-8"))
    assert choice["methods"]["mean"]["config"]["learning_rate"] == 0.01
    assert len(list((found.folder / "fits").glob("01-01-mean-*.json"))) == 2


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ("s000,0,train,,p0\ns001,1,train,2,p1\n", RecipeError, r"fewer than crossval\.folds = 3"),
        ("s000,0,train,,p0\ns001,1,test,2,p0\n", LeakError, "patient p0 has slides in train and in test"),
        ("x,0,train,,p0\ny,1,train,2,p1\n", DataError, "no slide of .* has features"),
        ("s000,itc,train,,p0\ns001,1,train,2,p1\n", DataError, "--itc positive"),
    ],
)
def test_tables_that_can_not_be_used(
    cohort: Path, tmp_path: Path, rows: str, error: type[Exception], message: str
) -> None:
    (tmp_path / "labels.csv").write_text("slide,label,split,cells,patient\n" + rows, encoding="utf-8")
    with pytest.raises(error, match=message):
        _mil(tmp_path / "labels.csv", cohort, tmp_path / "out")


def test_too_few_patients_within_a_fold_are_seen_before_anything_is_fitted(cohort: Path, tmp_path: Path) -> None:
    rows = ("s000,0,p0", "s002,0,p1", "s004,0,p4", "s001,1,p2", "s003,1,p3")
    (tmp_path / "labels.csv").write_text("\n".join(["slide,label,patient", *rows]) + "\n", encoding="utf-8")
    with pytest.raises(
        DataError, match=r"in fold 1 of repeat 1, all slides of class . are of one patient .*1 is tumour"
    ):
        _mil(tmp_path / "labels.csv", cohort, tmp_path / "out", overrides=(*_QUICK, "crossval.folds=2"))
    assert not (tmp_path / "out").exists()


def test_a_stage_without_a_slide_offers_detection(cohort: Path, tmp_path: Path) -> None:
    lines = [f"s{number:03d},{('negative', 'itc', 'micro')[number % 3]}" for number in range(36)]
    (tmp_path / "stages.csv").write_text("\n".join(["slide,label", *lines]) + "\n", encoding="utf-8")
    message = r"class macro is in 0 slides, .*add slides of macro, or take --task detection"
    with pytest.raises(RecipeError, match=message):
        _mil(tmp_path / "stages.csv", cohort, tmp_path / "out", task="stage")


def test_a_damaged_bag_is_refused_by_name(cohort: Path, tmp_path: Path) -> None:
    shutil.copytree(cohort / "bags", tmp_path / "bags")
    with h5py.File(tmp_path / "bags" / "s003.h5", "r+") as file:
        file["features"][40, 5] += 0.5
    with pytest.raises(DataError, match=r"s003\.h5 is damaged: .*compute it again with `sentinode features --slides`"):
        _mil(cohort / "labels.csv", tmp_path, tmp_path / "out")


def test_slides_that_differ_in_their_last_tiles_are_not_taken_for_copies(tmp_path: Path) -> None:
    features, names = np.zeros((400, 3), np.float32), ("a", "b", "c")
    for name in names:
        features[-1, 0] = 0 if name == "a" else 1
        write_as_trident(tmp_path / f"{name}.h5", features, np.zeros((400, 2), np.int64), chunk=100)
    (tmp_path / "labels.csv").write_text("slide,label\na,0\nb,1\nc,1\n", encoding="utf-8")
    slides = load_slides(tmp_path, tmp_path / "labels.csv", LabelsConfig())
    assert [slide.name for slide in slides.train] == ["a", "b"]
    assert slides.notes == ("Left out: c, which has the features of b.",)


def test_what_is_left_out_is_named(cohort: Path, tmp_path: Path) -> None:
    rows = (cohort / "labels.csv").read_text(encoding="utf-8").splitlines()
    kept = [row for row in rows if not row.startswith(("s000,", "s001,"))]
    (tmp_path / "labels.csv").write_text("\n".join([*kept, "nowhere,1,train,3,p0"]) + "\n", encoding="utf-8")
    found = _mil(tmp_path / "labels.csv", cohort, tmp_path / "out", methods=("mean",), overrides=_BRIEF)
    assert "Left out: 1 slide has a label and no features: nowhere." in found.metrics["notes"]
    assert "Left out: 2 slides have features and no label: s000, s001." in found.metrics["notes"]


def test_labels_shuffled_before_everything_say_nothing(
    cohort: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    script = Path(__file__).parents[3] / "benchmarks" / "mil_shuffled.py"
    words = [
        "--features", str(cohort / "bags"), "--labels", str(cohort / "labels.csv"), "--out", str(tmp_path), "--seeds",
        "2", *(word for override in (*_QUICK, 'crossval.methods=["mean"]') for word in ("--set", override)),
    ]  # fmt: skip
    monkeypatch.setenv("SENTINODE_THREADS", "1")
    monkeypatch.setattr(sys, "argv", [str(script), *words])
    runpy.run_path(str(script), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    means = {line[:28].strip(): float(line[28:].split()[1]) for line in lines}
    assert set(means) == {"mean", "patch model, highest tile", "patch model, ten highest"}
    assert all(0.2 < value < 0.8 for value in means.values())  # with two seeds of 36 slides no more can be said


def test_a_learning_curve_over_slides_leaves_the_test_alone(cohort: Path, tmp_path: Path) -> None:
    found = _mil(
        cohort / "labels.csv", cohort, tmp_path / "out", methods=("mean",), overrides=_BRIEF, learning_curve=True,
    )  # fmt: skip
    curve = found.metrics["learning_curve"]
    sizes = [step["n"] for step in curve["steps"]]
    assert sizes == sorted(sizes)
    assert sizes[-1] == 24
    assert {point["seed"] for point in curve["points"]} == {1, 2, 3}
    assert curve["n"] == 36
    assert "What more slides would bring" in found.report.read_text(encoding="utf-8")
