"""`sentinode pretrain`: killed runs end the same, collapsed ones say so, and what comes of it is weights alone."""

import itertools
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor

from helpers.pretrainings import STEPS, pretrained, recipe_file
from helpers.small_slides import write_slide
from sentinode.core.errors import BundleError, RecipeError, TrainingError
from sentinode.core.progress import SILENT
from sentinode.core.settings import Settings
from sentinode.data.dataset import load_dataset
from sentinode.models.bundle import open_bundle
from sentinode.models.pretrained_bundle import open_pretrained_bundle
from sentinode.studies.bundle_check import show_bundle, verify_bundle
from sentinode.studies.crossval.crossval_study import crossval
from sentinode.studies.feature_study import features
from sentinode.studies.pretrain_study import pretrain
from sentinode.studies.slide_feature_study import write_slide_features
from sentinode.training.network_fit import build_model
from sentinode.training.pretraining import pretraining_fit
from sentinode.training.pretraining.methods import SimSiam
from sentinode.training.recipe import Recipe


def test_a_killed_run_ends_with_the_same_weights(patches: Path, tmp_path: Path, settings: Settings) -> None:
    recipe, killed = recipe_file(tmp_path), tmp_path / "killed"
    whole = pretrain(str(recipe), data=f"folder:{patches}", out=tmp_path / "whole", settings=settings)
    process = subprocess.Popen(
        [sys.executable, "-m", "sentinode.cli.main", "pretrain", str(recipe), "--data", f"folder:{patches}",
         "--out", str(killed)],
        env={**os.environ, "SENTINODE_CACHE": str(settings.cache), "SENTINODE_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip
    while not (killed / "checkpoints" / "best.safetensors").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()
    assert not (killed / "bundle").exists()
    again = pretrain(resume=killed, settings=settings)
    for name in ("log.csv", "recipe.toml", "bundle/weights.safetensors", "bundle/seen.npz"):
        assert (whole.folder / name).read_bytes() == (killed / name).read_bytes(), name
    assert again.bundle.info.pretraining == whole.bundle.info.pretraining
    assert whole.bundle.info.pretraining.steps == STEPS
    assert pretrain(resume=killed, settings=settings).bundle.sha256 == again.bundle.sha256


def test_a_run_that_collapses_is_stopped_and_says_so(
    patches: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    project, asked = SimSiam.project, itertools.count()

    def ever_the_same(self: SimSiam, images: Tensor) -> Tensor:
        found = project(self, images)
        return found if next(asked) < 6 else found * 0 + 1

    monkeypatch.setattr(SimSiam, "project", ever_the_same)
    with pytest.raises(TrainingError, match=r"collapsed at step 3: projection spread .* lower pretraining.learn"):
        pretrained(patches, tmp_path, settings)
    status = json.loads((tmp_path / "run" / "pretraining.json").read_text())
    assert status["status"] == "collapsed"
    assert not (tmp_path / "run" / "bundle").exists()
    with pytest.raises(TrainingError, match="a run that has collapsed does not go on"):
        pretrain(resume=tmp_path / "run", settings=settings)


def test_a_learning_rate_that_is_far_too_high_ends_in_a_collapse(
    patches: Path, tmp_path: Path, settings: Settings
) -> None:
    with pytest.raises(TrainingError, match=r"(collapsed|loss is).*pretraining.learning_rate \(now 1e\+08\)"):
        pretrained(patches, tmp_path, settings, "pretraining.learning_rate=1e8", "pretraining.optimizer=sgd")


def test_a_run_whose_probe_falls_ends_there_and_keeps_the_best(
    patches: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    answers = iter([0.7, 0.9, 0.5, 0.5])
    monkeypatch.setattr(pretraining_fit, "labelled_probe", lambda *_: next(answers))
    result = pretrained(patches, tmp_path, settings, "probe.patience=2", "pretraining.steps=90")
    record = result.bundle.info.pretraining
    assert (record.steps, record.kept_step, record.fell) == (9, 3, True)
    assert "ended early because the probe fell" in result.summary()


@pytest.fixture(scope="module")
def run(patches: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A finished run; its cache lies beside it."""
    folder = tmp_path_factory.mktemp("pretrained")
    return pretrained(patches, folder, Settings(cache=folder / "cache", threads=1)).folder


def test_train_and_features_take_it_and_crossval_but_for_images_that_it_has_learned_from(
    run: Path, patches: Path, tmp_path: Path, settings: Settings, small_recipe: Callable[..., Recipe]
) -> None:
    bundle, address = run / "bundle", f"folder:{patches}"
    recipe = small_recipe(model={"weights": f"bundle:{bundle}"})
    network, _ = build_model(recipe, load_dataset(recipe.data, cache=settings.cache, progress=SILENT))
    learned = load_file(bundle / "weights.safetensors")
    assert all(torch.equal(network.state_dict()[name], tensor) for name, tensor in learned.items())
    assert network.origin == f"bundle:{bundle}"
    table = features(str(bundle), data=address, out=tmp_path / "f.parquet", settings=settings)
    assert table is not None
    quick = ["crossval.permutations=0", "classifier.grid={}", "data.on_leak=drop"]
    found = crossval(str(bundle), tmp_path / "c", data=address, folds=2, repeats=1, overrides=quick, settings=settings)
    assert found is not None
    assert (
        json.loads((tmp_path / "c" / "report" / "metrics.json").read_text())["n"] == 60
    )  # neither the 120 of train, nor test


def test_whatever_judges_images_refuses_it_and_changes_are_found(run: Path, tmp_path: Path) -> None:
    with pytest.raises(BundleError, match=r"is a pretrained bundle, .* tells no classes apart; train on it"):
        open_bundle(run / "bundle")
    copied = tmp_path / "copy"
    copied.mkdir()
    for file in (run / "bundle").iterdir():
        (copied / file.name).write_bytes(file.read_bytes())
    assert open_pretrained_bundle(copied).info.pretraining.method == "simsiam"
    assert "cnn3" in show_bundle(copied).summary()
    checked = verify_bundle(copied)
    assert (checked.engines, checked.strangers, checked.signature) == ((), (), None)
    assert "is as it was written: 3 files\n" in checked.summary()
    (copied / "seen.npz").write_bytes(b"")
    with pytest.raises(BundleError, match=r"seen\.npz is not the file that was written"):
        open_pretrained_bundle(copied)


def test_slides_are_learned_from_by_their_tissue_and_bags_are_made_with_it(tmp_path: Path, settings: Settings) -> None:
    slides = [write_slide(tmp_path / "slides", name, tumour=name == "a") for name in ("a", "b")]
    (tmp_path / "slides" / "junk.svs").write_bytes(b"no slide")
    recipe = recipe_file(tmp_path)
    result = pretrain(
        str(recipe), slides=str(tmp_path / "slides"), out=tmp_path / "run", settings=settings,
        overrides=["slides.size_px=32", "slides.mpp=2.0", "slides.per_slide=60", "pretraining.steps=4"],
    )  # fmt: skip
    info = result.bundle.info
    assert (info.input.tile_size, info.input.mpp, info.pretraining.images) == (32, 2.0, 60)
    assert "junk.svs" in info.provenance.trained_on
    assert "without labels" in info.pretraining.probe
    made = write_slide_features(str(result.bundle.folder), slides, tmp_path / "bags", settings=settings)
    assert [one.failure for one in made.outcomes] == [None, None]


def test_images_without_labels_are_learned_from(tmp_path: Path, settings: Settings) -> None:
    rng = np.random.default_rng(0)
    for number in range(50):
        path = tmp_path / "bare" / f"{number % 3}" / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(rng.integers(0, 256, (24, 24, 3), dtype=np.uint8)).save(path)
    recipe = recipe_file(tmp_path, steps=3)
    result = pretrain(str(recipe), data=f"unlabelled:{tmp_path / 'bare'}", out=tmp_path / "run", settings=settings)
    assert result.bundle.info.pretraining.images == 45
    assert len(result.bundle.seen()["train"]) == 45


def test_minutes_become_steps_that_the_run_keeps(patches: Path, tmp_path: Path, settings: Settings) -> None:
    recipe = recipe_file(tmp_path)
    text = recipe.read_text().replace(f"steps = {STEPS}\n", "", 1)
    recipe.write_text(text)
    arguments: dict[str, Any] = {"data": f"folder:{patches}", "settings": settings}
    with pytest.raises(RecipeError, match="say how long"):
        pretrain(str(recipe), out=tmp_path / "none", **arguments)
    for minutes in (float("inf"), float("nan")):
        with pytest.raises(RecipeError, match=r"--minutes (inf|nan); give a number of minutes above 0"):
            pretrain(str(recipe), minutes=minutes, out=tmp_path / "none", **arguments)
    assert not (tmp_path / "none").exists()
    torch.manual_seed(1)
    result = pretrain(str(recipe), minutes=0.001, out=tmp_path / "run", **arguments)
    budget = json.loads((tmp_path / "run" / "pretraining.json").read_text())["budget"]
    assert budget["steps"] == result.bundle.info.pretraining.steps
    assert f"steps = {budget['steps']}\n" in (tmp_path / "run" / "recipe.toml").read_text()
