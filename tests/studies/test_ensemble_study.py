"""Ensembles fitted anew on images that no member has learned from."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from sentinode.core.errors import DataError, LeakError, StorageError
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.engines.engine_factory import open_engine
from sentinode.studies import ensemble_data as held_out
from sentinode.studies.bundle_recipe import recipe_of
from sentinode.studies.ensemble_data import OutOfFold
from sentinode.studies.ensemble_study import EnsembleResult, ensemble_bundles, write_ensemble
from sentinode.studies.evaluation import evaluate_bundle
from sentinode.studies.train_study import train
from sentinode.training.recipe import Recipe


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(cache=tmp_path_factory.mktemp("cache"), threads=1)


@pytest.fixture(scope="module")
def members(
    small_recipe: Callable[..., Recipe], tmp_path_factory: pytest.TempPathFactory, settings: Settings
) -> list[Path]:
    """Two models of one split, and one that has trained on the others' validation images."""
    made = []
    swapped = {"split": {"train": "validation", "validation": "train"}}
    for seed, data in ((1, {}), (2, {}), (3, swapped)):
        recipe = small_recipe(data=data).model_copy(update={"seed": seed, "name": f"seed{seed}"})
        folder = tmp_path_factory.mktemp("runs") / f"run{seed}"
        train(recipe, out=folder, settings=settings)
        made.append(folder / "bundle")
    return made


@pytest.fixture(scope="module")
def result(
    members: list[Path], patches: Path, settings: Settings, tmp_path_factory: pytest.TempPathFactory
) -> EnsembleResult:
    out = tmp_path_factory.mktemp("ensembles") / "both"
    names = [str(folder) for folder in members[:2]]
    return ensemble_bundles(names, f"folder:{patches}", out, settings=settings, progress=Progress())


@pytest.fixture
def data(patches: Path, settings: Settings, members: list[Path]) -> Dataset:
    config = recipe_of(open_bundle(members[0])).data
    return load_dataset(config, cache=settings.cache, progress=Progress())


def test_threshold_temperature_and_band_are_fitted_to_the_mean(
    result: EnsembleResult, members: list[Path], data: Dataset
) -> None:
    info = open_bundle(result.bundle.folder).info
    singles = [open_bundle(folder).info for folder in members[:2]]
    assert info.threshold is not None
    assert info.threshold.rule == singles[0].threshold.rule  # type: ignore[union-attr]
    assert info.threshold.value not in [each.threshold.value for each in singles if each.threshold]
    assert info.temperature not in [each.temperature for each in singles]
    scores = open_engine(result.bundle, "openvino", threads=1).predict(data.images("validation")[:]).probabilities
    positives = data.manifest.labels("validation") == 1
    found = (scores[positives, 1] >= info.threshold.value).mean()
    assert info.threshold.sensitivity is not None
    assert found == pytest.approx(info.threshold.sensitivity.value)
    assert info.low_confidence is not None
    inside = (scores[:, 1] >= info.low_confidence.low) & (scores[:, 1] <= info.low_confidence.high)
    assert 0 < inside.mean() < 0.4


def test_it_remembers_its_members(result: EnsembleResult, members: list[Path]) -> None:
    bundle = open_bundle(result.bundle.folder)
    singles = [open_bundle(folder) for folder in members[:2]]
    assert bundle.info.name == "ensemble of seed1, seed2"
    origin = bundle.info.provenance
    assert [each["graph_sha256"] for each in origin.recipe["ensemble"]["members"]] == [
        each.info.files["model.onnx"] for each in singles
    ]
    assert [each["recipe"]["seed"] for each in origin.recipe["ensemble"]["members"]] == [1, 2]
    assert origin.data_sha256 == singles[0].info.provenance.data_sha256
    assert "seed1: 120 images of" in origin.trained_on
    for kind in ("train", "validation"):
        assert set(bundle.seen()[kind]) == set(singles[0].seen()[kind]) | set(singles[1].seen()[kind])
    reference = bundle.reference()
    assert reference["embedding"].shape == (120, bundle.info.embedding_size)
    np.testing.assert_allclose(reference["probabilities"].sum(axis=1), 1, atol=1e-6)


def test_it_is_compared_with_each_member(result: EnsembleResult, members: list[Path]) -> None:
    assert [each.name_a for each in result.comparisons] == [str(folder) for folder in members[:2]]
    assert {each.name_b for each in result.comparisons} == {str(result.bundle.folder)}
    assert result.summary().count("→") == 3
    told: dict[str, Any] = json.loads(json.dumps(result.to_json()))
    assert [member["name"] for member in told["members"]] == ["seed1", "seed2"]
    assert len(told["validation"]) == 2


def test_it_is_evaluated_like_any_other(
    result: EnsembleResult, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    found = evaluate_bundle(
        str(result.bundle.folder),
        f"folder:{patches}",
        tmp_path / "report",
        split="test",
        settings=settings,
        progress=Progress(),
    )
    assert found.n == 60
    assert found.metrics["auc"].value is not None
    assert found.metrics["auc"].value > 0.8
    assert "ensemble of seed1, seed2" in (tmp_path / "report" / "report.html").read_text()


def test_averaging_over_orientations_is_switched_on_for_one(
    members: list[Path], patches: Path, tmp_path: Path, settings: Settings
) -> None:
    made = ensemble_bundles(
        [str(members[0])], f"folder:{patches}", tmp_path / "d4", test_time="d4", settings=settings, progress=Progress()
    )
    info, before = made.bundle.info, open_bundle(members[0]).info
    assert (info.model.test_time, before.model.test_time) == ("d4", "none")
    assert info.name == before.name
    assert info.provenance.derived_from == before.files["model.onnx"]
    assert info.threshold != before.threshold
    assert any("set to d4 after training" in limit for limit in info.limits)


def test_validation_images_that_a_member_has_trained_on_are_refused(
    members: list[Path], patches: Path, tmp_path: Path, settings: Settings
) -> None:
    bundles = [open_bundle(members[0]), open_bundle(members[2])]

    def write(*overrides: str) -> Bundle:
        return write_ensemble(
            bundles,
            tmp_path / "out",
            address=f"folder:{patches}",
            overrides=overrides,
            settings=settings,
            progress=Progress(),
        )

    with pytest.raises(LeakError, match=r"run3/bundle .*60 of the 60 .*on_leak=drop"):
        write()
    with pytest.raises(DataError, match=r"validation.*normal"):
        write("data.on_leak=drop")
    assert not (tmp_path / "out").exists()


def test_the_rest_of_the_validation_images_can_be_used(
    members: list[Path], patches: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch, data: Dataset
) -> None:
    bundles = [open_bundle(folder) for folder in members[:2]]
    some = set(data.manifest.table.query("split == 'validation'")["pixels"][:7])
    monkeypatch.setattr(held_out, "_trained_on", lambda bundle, _: some if bundle is bundles[1] else set())
    address = f"folder:{patches}"
    found = held_out.held_out(bundles, address, ["data.on_leak=drop"], settings, Progress())
    assert len(found.data.images("validation")) == 53
    assert found.data.manifest.excluded()[f"leak: {members[1]} has trained on it"] == 7
    assert found.data_sha256 == data.manifest.hash


def test_a_cross_validations_members_are_fitted_to_out_of_fold_answers(
    members: list[Path], tmp_path: Path, settings: Settings, data: Dataset
) -> None:
    table = data.manifest.table
    splits = table["split"].where(table["split"] == "test", "validation")
    folds = replace(data, manifest=replace(data.manifest, table=table.assign(split=splits)))
    labels = folds.manifest.labels("validation")
    z = np.random.default_rng(0).normal(3.0 * labels - 1.5)
    logits = np.stack([np.zeros_like(z), z], axis=1).astype(np.float32)
    bundles = [open_bundle(members[0]), open_bundle(members[2])]
    written = write_ensemble(
        bundles,
        tmp_path / "folds",
        address="folder:nowhere",
        out_of_fold=OutOfFold(folds, logits, data.manifest.hash),
        name="folds",
        settings=settings,
        progress=Progress(),
    )
    info = written.info
    assert info.name == "folds"
    assert info.threshold is not None
    assert info.low_confidence is not None
    assert (info.threshold.split, info.threshold.n, info.low_confidence.split) == ("out-of-fold", 180, "out-of-fold")
    assert info.temperature == pytest.approx(1 / 3, abs=0.15)  # the logits were drawn a third as sure as they may be
    assert info.provenance.data_sha256 == data.manifest.hash
    assert any("had not learned from an image" in limit for limit in info.limits)
    assert len(written.seen()["validation"]) == 180


def test_a_place_that_is_taken_is_refused(
    members: list[Path], patches: Path, tmp_path: Path, settings: Settings
) -> None:
    names, address = [str(folder) for folder in members[:2]], f"folder:{patches}"
    with pytest.raises(StorageError, match="is one of the bundles to be averaged"):
        ensemble_bundles(names, address, members[1], settings=settings, progress=Progress())
    (tmp_path / "notes.txt").touch()
    with pytest.raises(StorageError, match="something else than a bundle"):
        ensemble_bundles(names, address, tmp_path, settings=settings, progress=Progress())
