"""The features of slides: the tiles of a scan, a bag for each, and what a fault leaves."""

import csv
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import h5py
import numpy as np
import pytest

from helpers import slide_files
from helpers.bags import write_as_trident
from helpers.scanner import BATCH, Scanner
from sentinode.core.errors import BusyError, StorageError
from sentinode.core.result_folder import locked
from sentinode.models.bundle import Bundle
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.extractor import Embedded, Extractor, open_extractor
from sentinode.models.mil.bag import Bag
from sentinode.models.mil.bag_file import read_bag
from sentinode.scanning.feature_queue import features_of_slides
from sentinode.scanning.file_ends import sha256_of_ends
from sentinode.scanning.scan_folder import ScanFolder
from sentinode.scanning.slide_features import FeatureOutcome, FeatureWork, slide_features
from sentinode.scanning.tiling_config import Machine, TilingConfig, TilingPlan
from sentinode.slides.slide import open_slide


@dataclass(frozen=True)
class Features:
    """Computes features into `out`, of all tissue or none, in batches of 8 tiles."""

    bundle: Bundle
    out: Path

    def work(self, bundle: Bundle | None = None, extractor: Extractor | None = None, **changes: Any) -> FeatureWork:
        chosen = bundle or self.bundle
        config = TilingConfig.model_validate({"tissue": None, "batch": BATCH, "engine": "openvino", **changes})
        info = chosen.info
        spec = config.spec(f"bundle {info.name}", info.input.tile_size, info.input.mpp)
        own = open_extractor(chosen, None, tile_size=spec.size_px, engine="openvino", threads=1)
        return FeatureWork(extractor or own, "openvino", TilingPlan(config, config.sha256(), spec, None))

    def __call__(self, *paths: Path, **changes: Any) -> list[FeatureOutcome]:
        return features_of_slides(self.work(**changes), paths, self.out, Machine(threads=1))

    def bag(self, name: str = "one") -> Bag:
        return read_bag(self.out / f"{name}.h5")

    def rows(self) -> list[dict[str, str]]:
        with (self.out / "features.csv").open(encoding="utf-8") as file:
            return list(csv.DictReader(file))


@pytest.fixture
def features(bundle: Bundle, tmp_path: Path) -> Features:
    return Features(bundle, tmp_path / "bags")


def test_the_tiles_and_scores_are_those_of_a_scan(features: Features, scan: Scanner, slide: Path) -> None:
    features(slide)
    (outcome,) = scan(slide)
    assert outcome.record.status == "finished"
    tiles, bag = ScanFolder(scan.out / "one", outcome.record).tiles(), features.bag()
    assert np.array_equal(bag.coords, np.stack([tiles.x0, tiles.y0], axis=1))
    assert bag.scores is not None
    assert np.array_equal(bag.scores, tiles.scores)
    assert bag.facts.score_names == tiles.classes


def test_the_features_are_what_the_bundle_gives_for_the_tiles_pixels(features: Features, slide: Path) -> None:
    features(slide)
    bag, spec = features.bag(), features.work().plan.tiles
    with open_slide(slide) as opened:
        pixels = [opened.read_at(spec.mpp, int(x), int(y), spec.size_px, spec.size_px) for x, y in bag.coords]
    expected = open_engine(features.bundle, "openvino", threads=1).predict(np.stack(pixels)).embedding
    np.testing.assert_allclose(bag.features(), expected, rtol=1e-3, atol=1e-4)


def test_a_bag_says_where_it_is_from(features: Features, slide: Path) -> None:
    features(slide, stride=20)
    facts = features.bag().facts
    assert facts.grid is not None
    assert (facts.grid.tile_px, facts.grid.mpp, facts.grid.step_px) == (30, 0.972, 20)
    assert facts.slide is not None
    assert (facts.slide.file, facts.slide.width, facts.slide.height) == ("one.tif", 472, 328)
    assert facts.slide.sha256_of_ends == sha256_of_ends(slide)
    assert facts.space == features.work().extractor.space


def test_only_tissue_is_embedded(features: Features, slide: Path) -> None:
    features(slide)
    everything = len(features.bag())
    (outcome,) = features(slide, tissue={}, min_tissue=0.5)
    assert outcome.header is not None
    assert 0 < outcome.header.tiles == len(features.bag()) < everything


def test_an_architecture_gives_features_without_scores(features: Features, slide: Path) -> None:
    from sentinode.models.model_config import ModelConfig

    model = ModelConfig(architecture="cnn3", weights="none")
    extractor = open_extractor(None, model, tile_size=30, engine="openvino", threads=1)
    features_of_slides(features.work(extractor=extractor), [slide], features.out, Machine(threads=1))
    assert features.bag().scores is None
    assert features.bag().size == extractor.embedding_size


def test_what_is_there_is_not_computed_again(features: Features, slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    features(slide)
    monkeypatch.setattr(Extractor, "embed", lambda *_: pytest.fail("it computed again"))
    (outcome,) = features(slide)
    assert outcome.reused


def test_another_configuration_replaces_a_bag_only_when_the_new_one_is_whole(
    features: Features, slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    features(slide)
    before = (features.out / "one.h5").read_bytes()
    with monkeypatch.context() as patch:
        patch.setattr(Extractor, "embed", _interrupted)
        with pytest.raises(KeyboardInterrupt):
            features(slide, stride=20)
    assert (features.out / "one.h5").read_bytes() == before
    (outcome,) = features(slide, stride=20)
    assert not outcome.reused
    assert len(features.bag()) > 54
    assert features(slide)[0].reused is False
    assert (features.out / "one.h5").read_bytes() == before


@pytest.mark.parametrize("damage", ["a byte", "an array", "an older format"])
def test_a_damaged_bag_is_computed_again(features: Features, slide: Path, damage: str) -> None:
    features(slide)
    path = features.out / "one.h5"
    before = path.read_bytes()
    with h5py.File(path, "r+") as file:
        if damage == "a byte":
            file["features"][3, 1] += 0.5
        elif damage == "an array":
            del file["coords"]
        else:
            file.attrs["format_version"] = 1
    (outcome,) = features(slide)
    assert not outcome.reused
    assert path.read_bytes() == before


def _interrupted(*_arguments: object) -> Embedded:
    raise KeyboardInterrupt


def test_a_slide_that_changed_is_computed_again(features: Features, slide: Path) -> None:
    features(slide)
    slide_files.write_tiff(slide, slide_files.pyramid(slide_files.picture()[::-1].copy(), 3), compression="jpeg")
    (outcome,) = features(slide)
    assert not outcome.reused


def test_tiles_that_can_not_be_read_are_left_out_and_counted(features: Features, scan: Scanner, slide: Path) -> None:
    slide_files.zero_tile(slide, 1, 5, skip=700, count=300)
    (outcome,) = features(slide)
    bag = features.bag()
    (scanned,) = scan(slide)
    assert scanned.record.status == "finished"
    lost = scanned.record.tiles.unreadable
    assert lost > 0
    assert (len(bag), bag.facts.unreadable) == (54 - lost, lost)
    assert outcome.messages == scanned.record.tiles.first_unreadable
    assert np.isfinite(bag.features()).all()
    assert features.rows()[0]["unreadable"] == str(lost)


def test_a_slide_that_fails_does_not_stop_the_rest(features: Features, slide: Path) -> None:
    junk = slide.with_name("junk.tif")
    junk.write_bytes(b"no slide at all")
    gone = slide.with_name("gone.tif")
    outcomes = features(junk, gone, slide)
    assert [one.failure is not None for one in outcomes] == [True, True, False]
    rows = {row["slide"]: row for row in features.rows()}
    assert {name: row["status"] for name, row in rows.items()} == {
        "gone": "failed", "junk": "failed", "one": "finished"
    }  # fmt: skip
    assert "while opening" in rows["junk"]["message"]
    assert rows["one"]["tiles"] == "54"
    junk.write_bytes(slide.read_bytes())
    features(junk)
    assert {row["slide"]: row["status"] for row in features.rows()}["junk"] == "finished"


def test_a_slide_without_tissue_is_said_to_have_none(features: Features, slide: Path) -> None:
    glass = np.full((328, 472, 3), 243, np.uint8)
    slide_files.write_tiff(slide, [glass], compression="deflate", photometric="rgb")
    (outcome,) = features(slide, tissue={})
    assert outcome.failure is not None
    assert outcome.failure.message == "no tile has enough tissue, so there is nothing to embed"
    assert not (features.out / "one.h5").exists()


def test_an_earlier_bag_outlives_a_failure(features: Features, slide: Path) -> None:
    features(slide)
    before = (features.out / "one.h5").read_bytes()
    slide.write_bytes(b"no slide at all")
    features(slide)
    assert (features.out / "one.h5").read_bytes() == before
    (row,) = features.rows()
    assert row["status"] == "failed"
    assert row["message"].endswith("an earlier file was left as it is")


@pytest.mark.parametrize("kind", ["trident", "junk", "folder"])
def test_a_file_of_somebody_else_is_not_replaced(features: Features, slide: Path, kind: str) -> None:
    features.out.mkdir()
    path = features.out / "one.h5"
    if kind == "trident":
        write_as_trident(path, np.zeros((3, 2), np.float32), np.zeros((3, 2), np.int64))
    elif kind == "junk":
        path.write_bytes(b"mine")
    else:
        path.mkdir()
    before = path.read_bytes() if path.is_file() else None
    with pytest.raises(StorageError, match="is no file of `sentinode features`, or is damaged"):
        features(slide)
    assert before is None or path.read_bytes() == before


@pytest.mark.parametrize("value", [np.nan, np.inf, 1e5])
def test_features_that_float16_does_not_hold_are_the_slides_failure(
    features: Features, slide: Path, monkeypatch: pytest.MonkeyPatch, value: float
) -> None:
    def embed(_self: Extractor, tiles: np.ndarray) -> Embedded:
        return Embedded(
            np.full((len(tiles), features.bundle.info.embedding_size), value, np.float32),
            np.full((len(tiles), 2), 0.5, np.float32),
        )

    monkeypatch.setattr(Extractor, "embed", embed)
    (outcome,) = features(slide)
    assert outcome.failure is not None
    assert "the most of float16" in outcome.failure.message


def test_a_slide_on_which_another_process_works_is_left_to_it(features: Features, slide: Path) -> None:
    with (
        locked(features.out / ".one.features.lock"),
        pytest.raises(BusyError, match=r"computes the features of one\.tif"),
    ):
        slide_features(features.work(), slide, features.out, Machine(threads=1))
