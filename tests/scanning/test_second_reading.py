"""A scan read again by a learned rule: what is written, what is kept, and how it goes back."""

import json
from pathlib import Path

import numpy as np
import pytest

from helpers.lesion_rules import CONFIG, COUNT, MACHINE, write_rule
from helpers.scanner import Scanner, engine_of
from sentinode.core.errors import DataError
from sentinode.models.bundle import Bundle
from sentinode.scanning.learned_rule import LearnedRule
from sentinode.scanning.scan_folder import open_scan
from sentinode.scanning.scan_queue import scan_slides
from sentinode.scanning.scan_record import LESIONS_FILE
from sentinode.scanning.second_looker import AUTO, LOOK_FILE
from sentinode.scanning.second_reading import HEURISTIC, SecondReading, choose_reading


def reading(rule: Path, bundle: Bundle) -> SecondReading:
    found = choose_reading(str(rule), AUTO, engine_of(bundle, CONFIG), MACHINE)
    assert found is not None
    return found


def test_a_scan_is_read_again_and_back(scan: Scanner, slide: Path, bundle: Bundle, tmp_path: Path) -> None:
    (before,) = scan(slide)
    folder = scan.out / "one"
    rule = reading(write_rule(tmp_path / "rule.json", bundle, 0.0), bundle)
    (outcome,) = scan_slides(engine_of(bundle, CONFIG), [slide], scan.out, MACHINE, reading=rule)
    record = open_scan(folder).record
    assert outcome.record == record
    assert record.reading == rule.facts
    assert record.lesions
    assert record.suspicious == ()
    probabilities = [lesion.probability for lesion in record.lesions]
    assert probabilities == sorted(probabilities, reverse=True)
    assert record.slide_score is not None
    assert record.slide_score >= max(probabilities) - 1e-9
    assert len(open_scan(folder).suspects()) == len(record.lesions)
    (back,) = scan(slide)
    assert back.record.lesions == before.record.lesions
    assert (back.record.reading, back.record.slide_score) == (None, before.record.slide_score)


def test_below_the_threshold_it_is_suspicious_and_listed(
    scan: Scanner, slide: Path, bundle: Bundle, tmp_path: Path
) -> None:
    scan(slide)
    folder = scan.out / "one"
    low = reading(write_rule(tmp_path / "low.json", bundle, 0.0), bundle).put(folder, slide)
    looked = (folder / LOOK_FILE).stat().st_mtime_ns
    high = reading(write_rule(tmp_path / "high.json", bundle, 1.0), bundle).put(folder, slide)
    assert high.lesions == ()
    assert high.suspicious == low.lesions
    assert (folder / LOOK_FILE).stat().st_mtime_ns == looked  # another rule, the same look
    features = json.loads((folder / LESIONS_FILE).read_text())["features"]
    assert {each["properties"]["classification"]["name"] for each in features} == {"Suspicious"}
    assert [each["properties"]["measurements"]["Probability"] for each in features] == pytest.approx(
        [one.probability for one in high.suspicious]
    )


def test_a_slide_that_is_gone_keeps_the_heuristic_rule(
    scan: Scanner, slide: Path, bundle: Bundle, tmp_path: Path
) -> None:
    (before,) = scan(slide)
    slide.unlink()
    record = reading(write_rule(tmp_path / "rule.json", bundle, 0.0), bundle).put(scan.out / "one", slide)
    assert record.reading is None
    assert record.lesions == before.record.lesions
    assert "no second look was taken" in record.notes[-1]


def test_which_rule_a_scan_gets(bundle: Bundle, tmp_path: Path) -> None:
    rule = write_rule(tmp_path / "rule.json", bundle, 0.5)
    assert choose_reading(HEURISTIC, AUTO, engine_of(bundle, CONFIG), MACHINE) is None
    assert choose_reading(AUTO, AUTO, engine_of(bundle, CONFIG), MACHINE) is None  # none is shipped for this bundle
    for chosen in (AUTO, HEURISTIC):
        with pytest.raises(DataError, match=r"--second-look pcam would not be used: .*--rule FILE"):
            choose_reading(chosen, "pcam", engine_of(bundle, CONFIG), MACHINE)
    changed = CONFIG.model_copy(update={"stride_px": 7})
    with pytest.raises(DataError, match="lesion-rule fit"):
        choose_reading(str(rule), AUTO, engine_of(bundle, changed), MACHINE)
    rule.write_text("{}", encoding="utf-8")
    with pytest.raises(DataError, match="fit it again"):
        choose_reading(str(rule), AUTO, engine_of(bundle, CONFIG), MACHINE)


def test_a_rule_outlives_its_file(bundle: Bundle, tmp_path: Path) -> None:
    path = write_rule(tmp_path / "rule.json", bundle, 0.5)
    first = LearnedRule.load(path)
    first.save(tmp_path / "again.json")
    assert LearnedRule.load(tmp_path / "again.json") == first
    assert np.isfinite(first.model.probabilities(np.zeros((1, COUNT)))).all()


def test_a_slide_without_a_suspect_has_no_lesion(
    scan: Scanner, slide: Path, bundle: Bundle, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    scan(slide)
    monkeypatch.setattr("sentinode.scanning.second_reading.find_suspects", lambda *_: [])
    record = reading(write_rule(tmp_path / "rule.json", bundle, 0.5), bundle).put(scan.out / "one", slide)
    assert (record.lesions, record.suspicious) == ((), ())
    assert record.slide_score is not None
    assert record.slide_score < 0.01
