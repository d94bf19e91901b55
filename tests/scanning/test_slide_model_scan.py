"""A scan with a slide bundle: the bag's answer in the record, its attention as a map, and the rules of every scan."""

import json
import random
import shutil
import signal
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile

from helpers import slide_files
from helpers.lesion_rules import write_rule
from helpers.scanner import BATCH, Scanner
from helpers.slide_models import write_over
from sentinode.core.errors import BundleError, DataError
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import SLIDE_INFO_FILE
from sentinode.models.bundle_seal import write_sealed
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.bag import BagGrid
from sentinode.models.mil.bag_file import read_bag
from sentinode.models.mil.slide_bundle import SlideBundle
from sentinode.models.mil.slide_bundle_info import SLIDE_FORMAT_VERSION
from sentinode.models.mil.slide_engine import open_slide_engine
from sentinode.scanning.outcome import Outcome
from sentinode.scanning.scan_folder import ScanFolder, open_scan
from sentinode.scanning.scan_record import FinishedScan
from sentinode.studies.scan_study import ScannedSlides
from sentinode.studies.scan_study import scan as scan_command

OPTIONS = {"tissue": None, "batch": BATCH, "engine": "openvino", "threads": 1}


@pytest.fixture(scope="module")
def slide_bundle(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> SlideBundle:
    return write_over(tmp_path_factory.mktemp("slide-bundles") / "abmil", bundle)


def altered(folder: Path, bundle: SlideBundle, **changes: Any) -> SlideBundle:
    """The same model, whose facts say something else."""
    shutil.copytree(bundle.folder, folder)
    info = write_sealed(folder / SLIDE_INFO_FILE, bundle.info.model_copy(update=changes), SLIDE_FORMAT_VERSION)
    return replace(bundle, name=str(folder), folder=folder, info=info)


@pytest.fixture
def judged(slide_bundle: SlideBundle, slide: Path, tmp_path: Path) -> Callable[..., ScannedSlides]:
    def judged(bundle: SlideBundle = slide_bundle, **changes: Any) -> ScannedSlides:
        return scan_command(bundle.folder, [slide], tmp_path / "judged", **{**OPTIONS, **changes})

    return judged


@pytest.fixture(scope="module")
def once(slide_bundle: SlideBundle, tmp_path_factory: pytest.TempPathFactory) -> ScanFolder:
    """A scan of the slide of `slide` for tests that only read it."""
    folder = tmp_path_factory.mktemp("once")
    levels = slide_files.pyramid(slide_files.picture(), 3)
    slide_files.write_tiff(folder / "one.tif", levels, compression="jpeg")
    (scan,) = scan_command(slide_bundle.folder, [folder / "one.tif"], folder / "judged", **OPTIONS).finished
    return scan


def finished(outcome: Outcome) -> FinishedScan:
    assert outcome.record.status == "finished"
    return outcome.record


def test_the_record_has_what_the_slide_model_says_of_the_bag(once: ScanFolder, slide_bundle: SlideBundle) -> None:
    record = once.record
    bag = read_bag(once.path / "features.h5")
    answer = open_slide_engine(slide_bundle, "torch").look(bag)
    model = record.slide_model
    assert model is not None
    np.testing.assert_allclose(model.probabilities, answer.probabilities, atol=1e-4)
    assert record.slide_score == model.score == pytest.approx(answer.score, abs=1e-4)
    assert record.slide_score_method == "probability by the slide model drawn"
    assert (model.name, model.sha256, model.method) == ("drawn", slide_bundle.sha256, "abmil")
    assert (model.threshold, model.threshold_source) == (0.4, "fixed on none")
    assert model.positive == (model.score >= 0.4)


def test_attention_is_of_the_tiles_and_its_map_a_share_of_the_largest(once: ScanFolder) -> None:
    tiles, attention = once.tiles(), once.attention()
    assert tiles.attention is not None
    assert attention is not None
    assert tiles.attention.sum() == pytest.approx(1, abs=1e-5)
    assert np.nanmax(attention.values) == 1
    grid = tiles.attention.reshape(6, 9) / tiles.attention.max()
    np.testing.assert_allclose(attention.values, grid, rtol=1e-6)
    with tifffile.TiffFile(once.path / "attention.tif") as file:
        assert "attention of the slide model drawn" in file.pages[0].description  # type: ignore[union-attr]
        assert "no probability" in file.pages[0].description  # type: ignore[union-attr]
        assert file.pages[0].shape[:2] == (6, 9)  # type: ignore[union-attr]


def test_tiles_without_attention_are_not_listed(
    judged: Callable[..., ScannedSlides], bundle: Bundle, tmp_path: Path
) -> None:
    model = finished(judged(write_over(tmp_path / "max", bundle, method="max")).outcomes[0]).slide_model
    assert model is not None
    assert [one.attention for one in model.candidates] == [1]
    assert [one.attention for one in model.attended] == [1]


def test_candidates_are_by_attention_times_score(once: ScanFolder) -> None:
    tiles, model = once.tiles(), once.record.slide_model
    assert tiles.attention is not None
    assert model is not None
    product = tiles.attention.astype(float) * tiles.scores[:, tiles.classes.index(once.record.bundle.target)]
    order = np.argsort(-product, kind="stable")[:20]
    assert [(one.x, one.y) for one in model.candidates] == [(tiles.x0[place], tiles.y0[place]) for place in order]
    assert [one.rank for one in model.candidates] == list(range(1, 21))
    assert model.candidates[0].attention == pytest.approx(float(tiles.attention[order[0]]))
    most = np.argsort(-tiles.attention, kind="stable")[:20]
    assert [(one.x, one.y) for one in model.attended] == [(tiles.x0[place], tiles.y0[place]) for place in most]


def test_all_else_is_as_in_a_scan_with_the_tiles_bundle(once: ScanFolder, scan: Scanner, slide: Path) -> None:
    plain, record = finished(scan(slide)[0]), once.record
    assert (record.lesions, record.tiles, record.bundle) == (plain.lesions, plain.tiles, plain.bundle)
    assert np.array_equal(once.tiles().scores, ScanFolder(scan.out / "one", plain).tiles().scores)
    assert record.key != plain.key
    assert plain.slide_model is None
    assert ScanFolder(scan.out / "one", plain).attention() is None


def test_a_finished_scan_is_not_run_again_and_another_model_replaces_it(
    judged: Callable[..., ScannedSlides], bundle: Bundle, tmp_path: Path
) -> None:
    first = judged().outcomes[0]
    assert not first.reused
    assert judged().outcomes[0].reused
    other = write_over(tmp_path / "mean", bundle, method="mean")
    replaced = judged(other).outcomes[0]
    assert not replaced.reused
    model = finished(replaced).slide_model
    assert model is not None
    assert model.method == "mean"


def test_tiles_that_can_not_be_read_have_no_attention(judged: Callable[..., ScannedSlides], slide: Path) -> None:
    slide_files.zero_tile(slide, 1, 5, skip=700, count=300)
    (scan,) = judged().finished
    tiles = scan.tiles()
    assert tiles.attention is not None
    lost = np.isnan(tiles.scores).any(axis=1)
    assert lost.any()
    assert np.array_equal(np.isnan(tiles.attention), lost)
    assert np.nansum(tiles.attention) == pytest.approx(1, abs=1e-5)


def test_a_slide_without_tissue_has_no_answer(judged: Callable[..., ScannedSlides], slide: Path) -> None:
    glass = np.full((328, 472, 3), 243, np.uint8)
    slide_files.write_tiff(slide, [glass], compression="deflate", photometric="rgb")
    record = finished(judged(tissue={}).outcomes[0])
    assert (record.slide_model, record.slide_score) == (None, None)
    assert record.not_assessed


def test_a_learned_rule_calls_lesions_and_leaves_the_slide_models_score(
    judged: Callable[..., ScannedSlides], bundle: Bundle, tmp_path: Path
) -> None:
    before = finished(judged().outcomes[0])
    after = finished(judged(rule=write_rule(tmp_path / "rule.json", bundle, 0.0)).outcomes[0])
    assert after.reading is not None
    assert after.slide_model == before.slide_model
    assert (after.slide_score, after.slide_score_method) == (before.slide_score, before.slide_score_method)
    back = finished(judged().outcomes[0])
    assert (back.slide_score, back.lesions) == (before.slide_score, before.lesions)


def test_what_does_not_go_with_a_slide_model_is_refused(
    judged: Callable[..., ScannedSlides], slide_bundle: SlideBundle, tmp_path: Path
) -> None:
    with pytest.raises(BundleError, match="leave out --test-time"):
        judged(test_time="d4")
    other_features = FeatureSpace("network", "a drawn network", 96, "0" * 64)
    foreign = altered(tmp_path / "foreign", slide_bundle, features=other_features, tile_bundle=None)
    with pytest.raises(BundleError, match="which another program computes"):
        judged(foreign)
    other = altered(tmp_path / "other", slide_bundle, features=other_features)
    with pytest.raises(BundleError, match="fitted on other features than those of its tiles"):
        judged(other)


def test_tiles_of_another_step_are_refused_before_the_scan(judged: Callable[..., ScannedSlides]) -> None:
    with pytest.raises(BundleError, match=r"fitted on tiles 30 px apart, these would be 15 px apart.*give --stride 30"):
        judged(stride=15)


def test_features_at_another_scale_are_the_slides_failure(
    judged: Callable[..., ScannedSlides], slide_bundle: SlideBundle, tmp_path: Path
) -> None:
    finer = altered(tmp_path / "finer", slide_bundle, grid=BagGrid(tile_px=30, mpp=0.5, step_px=30))
    record = judged(finer).outcomes[0].record
    assert record.status == "failed"
    assert "fitted on 30 px at 0.5 µm/px" in record.failure.message


def test_killed_it_goes_on_and_ends_with_the_same_bytes(
    launch: Any, slide_bundle: SlideBundle, slide: Path, tmp_path: Path
) -> None:
    options = ("--batch", 8, "--threads", 1, "--engine", "openvino", "--no-tissue", "--quiet")
    words = ("scan", slide_bundle.folder, slide, *options)
    unbroken = tmp_path / "unbroken"
    whole = launch(*words, "--out", unbroken, watch=[str(unbroken), str(slide)])
    assert whole.status == 0, whole.output
    chosen = random.Random(3)
    for part in range(5):
        moment = chosen.randrange(whole.moments * part // 5, whole.moments * (part + 1) // 5)
        out = tmp_path / f"killed{part}"
        killed = launch(*words, "--out", out, watch=[str(out), str(slide)], kill_at=moment)
        assert killed.status == -signal.SIGKILL, moment
        again = launch(*words, "--out", out)
        assert again.status == 0, again.output
        for name in ("features.h5", "attention.tif", "attention.png", "tiles.parquet", "heatmap.tif", "overlay.png"):
            assert (out / "one" / name).read_bytes() == (unbroken / "one" / name).read_bytes(), (name, moment)
        assert _facts(out) == _facts(unbroken)
    assert sorted(path.name for path in (unbroken).iterdir()) == ["one", "scans.csv"]


def _facts(out: Path) -> dict[str, Any]:
    record = json.loads((out / "one" / "scan.json").read_text())
    return {key: value for key, value in record.items() if key not in ("timings_s", "tiles_per_s")}


def test_a_slide_score_of_its_own_takes_no_other(
    judged: Callable[..., ScannedSlides], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from sentinode.scanning.slide_score import SlideScore

    monkeypatch.setattr(SlideScore, "load", lambda _path: object())
    with pytest.raises(DataError, match="has a slide score of its own; leave out --slide-score"):
        judged(slide_score=tmp_path / "score.json")
    assert not (tmp_path / "judged").exists() or open_scan(tmp_path / "judged" / "one")
