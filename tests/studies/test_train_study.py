"""A run that was killed at any moment ends as one that was not."""

import dataclasses
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from sentinode.core.errors import BusyError, TrainingError
from sentinode.core.result_folder import locked
from sentinode.core.settings import Settings
from sentinode.studies.train_study import train
from sentinode.training import run_folder
from sentinode.training.recipe import Recipe, load_recipe

EPOCHS = 6


@pytest.fixture
def recipe(small_recipe: Callable[..., Recipe], tmp_path: Path) -> Path:
    """The file of a recipe with everything random in it: order, augmentation, dropout, an average, a schedule."""
    augmentation = {"quarter_turns": True, "rotation": 10, "stain": 0.1, "brightness": 0.1}
    training = {"epochs": EPOCHS, "schedule": "one-cycle", "warmup_epochs": 1, "augmentation": augmentation}
    path = tmp_path / "mine.toml"
    path.write_text(small_recipe(training=training).to_toml(), encoding="utf-8")
    return path


def kill_after_first_checkpoint(recipe: Path, run: Path, settings: Settings) -> None:
    """Train in a process of its own, and end it with SIGKILL as soon as there is a checkpoint."""
    process = subprocess.Popen(
        [sys.executable, "-m", "sentinode.cli.main", "train", str(recipe), "--out", str(run)],
        env={**os.environ, "SENTINODE_CACHE": str(settings.cache), "SENTINODE_THREADS": "1"},
        stderr=subprocess.PIPE,
        text=True,
    )
    while not (run / "checkpoints" / "last.ckpt").exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)
    process.kill()
    process.communicate()


def test_a_killed_run_ends_with_the_same_files(recipe: Path, tmp_path: Path, settings: Settings) -> None:
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    train(load_recipe(str(recipe)), out=whole, settings=settings)
    kill_after_first_checkpoint(recipe, killed, settings)
    assert not (killed / "bundle").exists()
    (killed / ".log.csv.0123456789ab.partial").touch()  # as of a kill in the middle of writing
    result = train(resume=killed, settings=settings)
    for name in ("log.csv", "bundle/weights.safetensors", "report/metrics.json", "report/report.html"):
        assert (whole / name).read_bytes() == (killed / name).read_bytes(), name
    assert len((killed / "log.csv").read_text().splitlines()) == 1 + EPOCHS
    assert not list(killed.rglob("*.partial"))
    again = train(resume=killed, settings=settings)  # nothing is left to do: it just answers
    assert again == result


def test_a_run_stopped_between_bundle_and_report_is_assessed_alone(
    recipe: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    whole, stop = tmp_path / "whole", tmp_path / "stopped"
    train(str(recipe), out=whole, settings=settings)
    with monkeypatch.context() as patch:
        patch.setattr("sentinode.studies.train_study.assess_trained", stopped)
        with pytest.raises(KeyboardInterrupt, match="go on with"):
            train(str(recipe), out=stop, settings=settings)
    assert (stop / "bundle" / "bundle.json").is_file()
    assert not (stop / "report").exists()
    monkeypatch.setattr("sentinode.training.network_bundle.fit", stopped)  # nothing is to be trained again
    result = train(resume=stop, settings=settings)
    assert result is not None
    for name in ("log.csv", "bundle/model.onnx", "report/metrics.json", "report/predictions.csv", "report/report.html"):
        assert (whole / name).read_bytes() == (stop / name).read_bytes(), name
    assert train(resume=stop, settings=settings) == result


def test_a_process_that_only_helps_to_train_ends_without_a_result(
    small_recipe: Callable[..., Recipe], tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentinode.training.network_bundle.fit", lambda *_, **__: None)
    helper = dataclasses.replace(settings, local_rank=1)
    assert train(small_recipe(), out=tmp_path / "run", settings=helper) is None
    assert not (tmp_path / "run").exists()  # the first process alone writes


def test_a_run_whose_data_changed_is_not_resumed(
    small_recipe: Callable[..., Recipe],
    patches: Path,
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def stopped(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    data = shutil.copytree(patches, tmp_path / "data")
    run = tmp_path / "run"
    with monkeypatch.context() as patch:
        patch.setattr("sentinode.training.network_bundle.fit", stopped)
        with pytest.raises(KeyboardInterrupt, match=f"go on with `sentinode train --resume {run}`"):
            train(small_recipe(data={"source": f"folder:{data}"}), out=run, settings=settings)
    next((data / "train" / "normal").iterdir()).unlink()
    with pytest.raises(TrainingError, match=f"folder:{data} is not what it was when {run} was started"):
        train(resume=run, settings=settings)


def test_two_processes_do_not_train_into_one_folder(
    small_recipe: Callable[..., Recipe], tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def while_held(*_: object, **__: object) -> None:
        with pytest.raises(BusyError, match="another process is training into"):
            train(resume=tmp_path / "run", settings=settings)
        raise KeyboardInterrupt

    monkeypatch.setattr("sentinode.training.network_bundle.fit", while_held)
    with pytest.raises(KeyboardInterrupt):
        train(small_recipe(), out=tmp_path / "run", settings=settings)


def test_of_two_that_start_at_once_one_trains(
    recipe: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, out = load_recipe(str(recipe)), tmp_path / "run"
    second = first.model_copy(update={"seed": first.seed + 1})
    load = run_folder.load_dataset

    def while_the_other_is_quicker(*args: Any, **more: Any) -> Any:
        data = load(*args, **more)
        monkeypatch.setattr(run_folder, "load_dataset", load)
        train(first, out=out, settings=settings)
        return data

    monkeypatch.setattr(run_folder, "load_dataset", while_the_other_is_quicker)
    with pytest.raises(TrainingError, match="run is not empty; go on with"):
        train(second, out=out, settings=settings)
    assert load_recipe(str(out / "recipe.toml")).seed == first.seed
    assert (out / "report" / "report.html").is_file()


def test_a_run_that_another_process_goes_on_with_is_not_removed(
    recipe: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "run"
    lay_out = run_folder._lay_out

    def and_another_takes_it(folder: Path, *rest: Any) -> None:
        lay_out(folder, *rest)
        held.enter_context(locked(folder / ".lock"))

    monkeypatch.setattr(run_folder, "_lay_out", and_another_takes_it)
    with ExitStack() as held:
        with pytest.raises(BusyError, match="another process is training"):
            train(load_recipe(str(recipe)), out=out, settings=settings)
        assert (out / "run.json").is_file()
