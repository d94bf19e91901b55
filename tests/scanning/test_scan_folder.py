"""Reading a scan's folder: a finished scan, one that failed, and what is neither."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.scan_folders import write_scan
from sentinode.core.errors import DataError
from sentinode.core.files import write_json
from sentinode.scanning.scan_folder import open_scan, read_record, scans_in
from sentinode.scanning.scan_record import FailedScan, Failure, FinishedScan, LesionRule

SCORES = np.array([[0.1, 0.9], [0.2, 0.95]])


def _write_failure(folder: Path) -> FailedScan:
    failure = Failure(stage="opening", type="SlideError", message="the slide is empty")
    failed = FailedScan(name=folder.name, config={}, config_sha256="c", failure=failure)
    write_json(folder / "scan.json", failed.model_dump(mode="json"))
    return failed


def test_status_says_which_of_the_two_records_it_is(tmp_path: Path) -> None:
    write_scan(tmp_path / "one", SCORES)
    failed = _write_failure(tmp_path / "two")
    assert isinstance(read_record(tmp_path / "one"), FinishedScan)
    assert read_record(tmp_path / "two") == failed


def test_both_records_have_the_same_keys(tmp_path: Path) -> None:
    write_scan(tmp_path / "one", SCORES)
    _write_failure(tmp_path / "two")
    finished, failed = (json.loads((tmp_path / name / "scan.json").read_text()) for name in ("one", "two"))
    assert list(finished) == list(failed)
    assert {key for key, value in failed.items() if not value} >= {"key", "slide", "bundle", "tiles", "lesions"}


def test_a_failed_scan_is_not_opened_and_says_why(tmp_path: Path) -> None:
    write_scan(tmp_path / "one", SCORES)
    _write_failure(tmp_path / "two")
    with pytest.raises(DataError, match=r"two .*the slide is empty; scan the slide again"):
        open_scan(tmp_path / "two")
    assert scans_in(tmp_path) == [open_scan(tmp_path / "one")]


@pytest.mark.parametrize("change", [{"status": "half"}, {"slide": None}, {"failure": {"stage": "opening"}}, {"new": 1}])
def test_a_record_that_is_neither_is_damaged(tmp_path: Path, change: dict[str, object]) -> None:
    write_scan(tmp_path / "one", SCORES)
    path = tmp_path / "one" / "scan.json"
    write_json(path, json.loads(path.read_text()) | change)
    with pytest.raises(DataError, match=r"scan\.json is damaged .*; scan the slide again"):
        read_record(tmp_path / "one")


def test_the_heatmap_is_read_for_any_class(tmp_path: Path) -> None:
    write_scan(tmp_path / "one", SCORES)
    scan = open_scan(tmp_path / "one")
    np.testing.assert_allclose(scan.heatmap().values, SCORES, atol=1e-6)
    np.testing.assert_allclose(scan.heatmap("normal").values, 1 - SCORES, atol=1e-6)


def test_no_part_of_a_rule_is_laxer_than_its_outline() -> None:
    rule = LesionRule()
    assert rule.at(0.5) is rule
    assert rule.at(0.7) == LesionRule(outline=0.7, dense=0.7)
    assert rule.at(1.0) == LesionRule(outline=1.0, dense=1.0, peak=1.0, alone=1.0)
    assert rule.at(0.2) == LesionRule(outline=0.2)


def test_what_a_file_server_leaves_beside_scans_is_no_scan(tmp_path: Path) -> None:
    write_scan(tmp_path / "a", np.zeros((3, 4)))
    for name in ("@eaDir", ".hidden", "__MACOSX"):
        (tmp_path / name / "scan.json").mkdir(parents=True)
    assert [scan.record.name for scan in scans_in(tmp_path)] == ["a"]
