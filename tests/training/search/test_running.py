"""Searches from end to end: interrupted, resumed, by two processes, with trials that fail, and never with the test."""

import csv
import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import optuna
import pytest

from sentinode.core.errors import RecipeError, StorageError, TrainingError
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import load_dataset
from sentinode.data.packing import Pack
from sentinode.training.recipe import Recipe, load_recipe
from sentinode.training.search import objective, storage
from sentinode.training.search.results import SearchOutcome
from sentinode.training.search.storage import open_storage, sqlite_url
from sentinode.training.search.unseen import without_test

WriteSearch = Callable[..., Path]
RATE = {"training.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}}


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_grid_trains_every_point_and_writes_the_best_recipe(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], tmp_path: Path, patches: Path
) -> None:
    space = {"training.learning_rate": [1e-9, 3e-3], "training.augmentation.flips": [True, False]}
    outcome = search(search_file(space=space), overrides=["training.epochs=2"])
    out = tmp_path / "out"
    table = rows(out)
    assert [row["rank"] for row in table] == ["1", "2", "3", "4"]
    assert sorted(int(row["trial"]) for row in table) == [1, 2, 3, 4]
    figures = [float(row["validation_auc"]) for row in table]
    assert figures == sorted(figures, reverse=True)
    assert outcome.best is not None
    assert outcome.best.values["training.learning_rate"] == 3e-3
    best = load_recipe(str(out / "best.toml"))
    assert best.name == "small-best"
    assert "optimistic" in best.description
    assert best.training.augmentation.flips is outcome.best.values["training.augmentation.flips"]
    trained = load_recipe(str(out / "trials" / f"{outcome.best.number:04d}" / "recipe.toml"))
    assert best.model_copy(update={"name": "", "description": ""}) == trained
    for number in (1, 2, 3, 4):
        folder = out / "trials" / f"{number:04d}"
        assert sorted(path.name for path in folder.iterdir()) == ["log.csv", "recipe.toml", "timings.csv"]
    page = (out / "search.html").read_text(encoding="utf-8")
    assert "The best figure is optimistic: it was picked among 4 trials" in page
    assert json.loads((out / "search.json").read_text())["status"] == "finished"
    assert search.told == [line for line in search.told if line.startswith("trial ")]  # type: ignore[attr-defined]
    assert len(search.told) == 4  # type: ignore[attr-defined]


def test_a_finished_search_trains_nothing_and_a_longer_one_goes_on(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], made_up: list[Recipe], tmp_path: Path
) -> None:
    assert len(search(search_file(), trials=4).trials) == 4
    table = (tmp_path / "out" / "trials.csv").read_bytes()
    search(search_file(), trials=4)
    assert len(made_up) == 4
    assert (tmp_path / "out" / "trials.csv").read_bytes() == table
    outcome = search(search_file(trials=5))
    assert len(made_up) == 5
    assert len(search(search_file(), trials=2).trials) == 5  # nothing is taken away
    outcome = search(search_file())
    assert len(made_up) == 6
    tried = {(recipe.training.learning_rate, recipe.training.batch_size) for recipe in made_up}
    assert tried == {(rate, size) for rate in (1e-3, 3e-3, 1e-2) for size in (16, 32)}
    assert outcome.best is not None
    assert dict(outcome.best.values) == {"training.learning_rate": 3e-3, "training.batch_size": 16}


class Guarded:
    """Packed tiles of which the test rows, and all at once, can't be read."""

    def __init__(self, tiles: np.ndarray, forbidden: set[int]) -> None:
        self._tiles = tiles
        self._forbidden = forbidden
        self.shape, self.dtype = tiles.shape, tiles.dtype

    def __getitem__(self, index: Any) -> Any:
        assert not isinstance(index, slice)
        read = set(np.atleast_1d(index).tolist())
        if read & self._forbidden:
            raise PermissionError("a test image was read")
        return self._tiles[index]


def test_no_search_reads_a_test_image(
    search_file: WriteSearch,
    search: Callable[..., SearchOutcome],
    small_recipe: Callable[..., Recipe],
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = load_dataset(small_recipe().data, cache=settings.cache, progress=Progress())
    test_rows = set(data.manifest.rows("test").tolist())
    assert len(test_rows) == 60
    guarded = Guarded(data.pack.tiles, test_rows)
    monkeypatch.setattr(Pack, "tiles", property(lambda _: guarded))
    with pytest.raises(PermissionError):
        data.images("test")[0]  # the guard works
    outcome = search(search_file(space={"training.batch_size": [16, 32]}), overrides=["training.epochs=1"])
    assert len(outcome.results.ranked) == 2
    unseen = without_test(data)
    assert len(unseen.images("test")) == 0
    assert not test_rows & set(unseen.manifest.table["row"])
    assert len(unseen.manifest.table) == len(data.manifest.table) - 60


def test_without_validation_images_there_is_no_search(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], tmp_path: Path, patches: Path
) -> None:
    changes = ["data.split.validation=test", "data.split.fractions=[1.0, 0.0, 0.0]"]
    assert len(search(search_file(), overrides=[*changes, "training.epochs=1"], trials=1).trials) == 1
    file = tmp_path / "few.csv"
    names = [
        f"{name}/{number:03d}.png" for name, even in (("normal", 0), ("tumour", 1)) for number in range(even, 120, 2)
    ]
    lines = [f"{patches}/train/{name},{name.split('/')[0]}" for name in names]
    file.write_text("path,label\n" + "\n".join(lines), encoding="utf-8")
    with pytest.raises(ValueError, match="there are no validation images"):
        search(search_file(), source=f"csv:{file}", overrides=[changes[1]], out=tmp_path / "other")
    assert not (tmp_path / "other").exists()


def test_values_that_contradict_each_other_fail_their_trial_alone(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], tmp_path: Path
) -> None:
    space = {"training.warmup_epochs": [0.5, 5.0], "training.learning_rate": [3e-3, 1e30]}
    overrides = ["training.optimizer=sgd", "training.epochs=1", "training.average_decay=0"]
    outcome = search(search_file(space=space), overrides=overrides)
    errors = [trial.error for trial in outcome.trials]
    assert errors[0] == ""
    assert "the loss is no longer finite" in errors[1]
    assert "warmup_epochs = 5.0 leaves nothing of epochs = 1" in errors[2]
    assert [trial.state for trial in outcome.trials] == ["complete", "failed", "failed", "failed"]
    assert "failed 3 of 4" in outcome.summary()
    page = (tmp_path / "out" / "search.html").read_text(encoding="utf-8")
    assert "Trial 3: " in page
    assert not list((tmp_path / "out").rglob("*.ckpt"))


def test_no_trial_that_comes_to_its_end_is_an_error_with_the_reason(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], tmp_path: Path
) -> None:
    file = search_file(space={"training.warmup_epochs": [5.0, 6.0]})
    with pytest.raises(TrainingError, match=r"none of 2 trials came to its end; the first: .*warmup_epochs = 5.0"):
        search(file)
    assert (tmp_path / "out" / "search.html").is_file()
    assert not (tmp_path / "out" / "best.toml").exists()


def test_no_memory_for_a_trial_is_that_trials_failure(
    search_file: WriteSearch,
    search: Callable[..., SearchOutcome],
    made_up: list[Recipe],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    usual = objective.fit

    def fit(recipe: Recipe, *args: Any, **options: Any) -> Any:
        if recipe.training.batch_size == 32:
            raise RuntimeError("CUDA out of memory.\nTried to allocate")
        return usual(recipe, *args, **options)

    monkeypatch.setattr(objective, "fit", fit)
    outcome = search(search_file())
    assert [trial.state for trial in outcome.trials] == ["complete", "failed"] * 3
    assert outcome.trials[1].error == "RuntimeError: CUDA out of memory. Tried to allocate"


def test_a_full_disk_stops_the_search_and_no_trial_is_blamed(
    search_file: WriteSearch,
    search: Callable[..., SearchOutcome],
    made_up: list[Recipe],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise StorageError("no space left on the disk")

    with monkeypatch.context() as patch:
        patch.setattr(objective, "fit", full)
        for _ in range(4):
            with pytest.raises(StorageError, match="no space left"):
                search(search_file())
    outcome = search(search_file())
    assert {trial.state for trial in outcome.trials} == {"complete"}
    assert len(made_up) == 6


def test_the_worse_half_is_ended_early_where_pruning_is_on(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], made_up: list[Recipe], tmp_path: Path
) -> None:
    space = {"training.learning_rate": [4e-3, 2e-3, 1e-1, 3e-3, 5e-2]}
    settings = {"pruning": "median", "pruning_after_trials": 2, "pruning_after_epochs": 1}
    outcome = search(search_file(space=space, **settings), overrides=["training.epochs=4"])
    assert [trial.state for trial in outcome.trials] == ["complete", "complete", "pruned", "complete", "pruned"]
    assert [len(trial.curve) for trial in outcome.trials] == [4, 4, 2, 4, 2]
    assert [row["state"] for row in rows(tmp_path / "out")] == ["complete"] * 3 + ["pruned"] * 2
    whole = search(search_file(space=space), overrides=["training.epochs=4"], out=tmp_path / "whole")
    assert {trial.state for trial in whole.trials} == {"complete"}


def test_a_real_training_is_ended_early_after_an_epoch(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], tmp_path: Path
) -> None:
    space = {"training.learning_rate": [3e-3, 1e-9]}
    settings = {"pruning": "median", "pruning_after_trials": 1, "pruning_after_epochs": 0}
    outcome = search(search_file(space=space, **settings), overrides=["training.average_decay=0"])
    assert [len(trial.curve) for trial in outcome.trials] == [3, 1]
    assert outcome.trials[1].state == "pruned"
    assert len((tmp_path / "out" / "trials" / "0002" / "log.csv").read_text().splitlines()) == 2


def test_the_figure_is_of_the_epoch_whose_weights_are_kept(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], made_up: list[Recipe], tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    figures = {"auc": [0.7, 0.9, 0.8], "loss": [0.5, 0.2, 0.3]}

    def fit(recipe: Recipe, *_: Any, **__: Any) -> Any:
        shift = recipe.training.batch_size / 1000
        log = [
            {"epoch": epoch, **{f"validation_{name}": values[epoch - 1] + shift for name, values in figures.items()}}
            for epoch in (1, 2, 3)
        ]
        return type("Fitted", (), {"log": log})

    monkeypatch.setattr(objective, "fit", fit)
    file = search_file(space={"training.batch_size": [10, 20]})
    for monitor, keep, figure, epoch, best in (
        ("auc", "best", 0.92, 2, 2),
        ("auc", "last", 0.82, 3, 2),
        ("loss", "best", 0.21, 2, 1),
        ("loss", "last", 0.31, 3, 1),
    ):
        overrides = [f"training.monitor={monitor}", f"training.keep={keep}"]
        outcome = search(file, overrides=overrides, out=tmp_path / f"{monitor}-{keep}")
        assert outcome.best is not None
        assert (outcome.best.number, outcome.best.epoch) == (best, epoch)
        assert outcome.best.figure == pytest.approx(figure)


def test_tpe_interrupted_and_resumed_proposes_what_it_would_have(
    search_file: WriteSearch,
    search: Callable[..., SearchOutcome],
    made_up: list[Recipe],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    file = search_file(method="tpe", trials=14, startup_trials=5, space=RATE)
    whole = search(file, out=tmp_path / "whole")
    usual, calls = objective.fit, []

    def stopped_at_seven(*args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 7:
            raise KeyboardInterrupt
        return usual(*args, **options)

    monkeypatch.setattr(objective, "fit", stopped_at_seven)
    with pytest.raises(KeyboardInterrupt, match="the same command goes on"):
        search(file)
    kept = rows(tmp_path / "out")
    assert [row["state"] for row in kept if row["trial"] == "7"] == ["open"]
    assert len(kept) == 7
    assert (tmp_path / "out" / "best.toml").is_file()
    resumed = search(file)
    values = [[trial.values["training.learning_rate"] for trial in one.trials] for one in (whole, resumed)]
    assert len(set(values[0])) == 14
    assert values[0][:7] == values[1][:7]
    assert len(resumed.results.ranked) + len(resumed.results.of("pruned")) == 14
    near = sum(abs(np.log10(value / 0.003)) < 0.5 for value in values[0][7:])
    assert near >= 4  # it learns where the best ones are


def test_another_search_in_the_same_place_is_refused_and_nothing_changes(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], made_up: list[Recipe], tmp_path: Path
) -> None:
    search(search_file(), trials=2)
    before = {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()}
    message = r"the search small in \S+search\.db was begun with another search file, recipe or --set"
    with pytest.raises(TrainingError, match=message):
        search(search_file(), overrides=["training.epochs=9"])
    with pytest.raises(TrainingError, match=message):
        search(search_file(space={"training.batch_size": [8, 16]}))
    assert {path: path.read_bytes() for path in (tmp_path / "out").rglob("*") if path.is_file()} == before
    assert len(made_up) == 2


def test_data_that_changed_is_refused(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], made_up: list[Recipe], patches: Path, tmp_path: Path
) -> None:
    one, two = (shutil.copytree(patches, tmp_path / name) for name in ("one", "two"))
    search(search_file(), source=f"folder:{one}", trials=2)
    search(search_file(), source=f"folder:{two}", trials=3)  # the same images in another place
    next((one / "test" / "normal").iterdir()).unlink()
    search(search_file(), source=f"folder:{one}", trials=4)  # a search knows nothing of the test images
    assert len(made_up) == 4
    next((one / "train" / "normal").iterdir()).unlink()
    with pytest.raises(TrainingError, match=r"was begun with other data \(data_sha256 "):
        search(search_file(), source=f"folder:{one}")
    assert len(made_up) == 4


def test_a_folder_of_something_else_is_left_alone(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(TrainingError, match="out is not empty and holds no search; choose another --out"):
        search(search_file())
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_a_search_kept_elsewhere_is_not_begun_anew_here(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], made_up: list[Recipe], tmp_path: Path
) -> None:
    url = sqlite_url(tmp_path / "shared.db")
    search(search_file(), storage=url, trials=2)
    assert not (tmp_path / "out" / "search.db").exists()
    with pytest.raises(RecipeError, match=r"is of a search that is kept in .*shared\.db, not in .*search\.db"):
        search(search_file())
    outcome = search(search_file(), storage=url, out=tmp_path / "second")  # another machine's folder
    assert len(made_up) == 6
    assert len(outcome.results.ranked) == 6


def test_what_is_refused_leaves_no_folder(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="unable to open"):
        search(search_file(), storage="sqlite:////nowhere/at/all.db")
    with pytest.raises(RecipeError, match=r"unknown key 'training\.epoch'"):
        search(search_file(space={"training.epoch": [1]}))
    assert not (tmp_path / "out").exists()


_HOLDER = """
import sqlite3, sys
held = sqlite3.connect(sys.argv[1])
held.execute("BEGIN EXCLUSIVE")
print("held", flush=True)
sys.stdin.read()
"""


def test_an_interrupted_searchs_locked_database_is_one_clear_line(
    search_file: WriteSearch,
    search: Callable[..., SearchOutcome],
    made_up: list[Recipe],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(storage, "_SQLITE_PATIENCE", 0.2)
    search(search_file(), trials=3)
    database = tmp_path / "out" / "search.db"
    holder = subprocess.Popen(
        [sys.executable, "-c", _HOLDER, str(database)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout is not None
    assert holder.stdout.readline() == "held\n"
    with pytest.raises(StorageError, match=r"search\.db is locked by another process; stop what holds it") as error:
        search(search_file())
    assert "\n" not in str(error.value)
    holder.communicate("")
    assert len(search(search_file()).results.ranked) == 6
    assert len(made_up) == 6


def start(file: Path, out: Path, settings: Settings, *words: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "sentinode.cli.main", "search", str(file), "--out", str(out), *words],
        env={**os.environ, "SENTINODE_CACHE": str(settings.cache), "SENTINODE_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_for(path: Path, process: subprocess.Popen[str]) -> None:
    while not path.exists():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def test_a_search_killed_in_a_trial_goes_on_after_that_trials_last_epoch(
    search_file: WriteSearch,
    search: Callable[..., SearchOutcome],
    tmp_path: Path,
    settings: Settings,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / "out"
    file = search_file(space={"training.learning_rate": [1e-3, 3e-3, 1e-2]})
    process = start(file, out, settings, "--set", "training.epochs=4")
    wait_for(out / "trials" / "0002" / "checkpoints" / "last.ckpt", process)
    process.kill()
    process.communicate()
    first = (out / "trials" / "0001" / "timings.csv").read_bytes()
    monkeypatch.setattr(storage, "GRACE", 1)
    outcome = search(file, overrides=["training.epochs=4"])
    assert [trial.state for trial in outcome.trials] == ["complete"] * 3
    assert [len(trial.curve) for trial in outcome.trials] == [4, 4, 4]
    assert (out / "trials" / "0001" / "timings.csv").read_bytes() == first
    epochs = [line.split(",")[0] for line in (out / "trials" / "0002" / "timings.csv").read_text().splitlines()]
    assert epochs[:2] == ["epoch", "1"]
    assert epochs.count("1") == 1  # its first epoch was not trained again
    with open_storage(sqlite_url(out / "search.db")) as opened:
        (name,) = optuna.get_all_study_names(opened)
        states = [trial.state.name for trial in optuna.load_study(study_name=name, storage=opened).trials]
    assert sorted(states) == ["COMPLETE"] * 3 + ["FAIL"]


def test_two_searches_share_the_work(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], tmp_path: Path, settings: Settings
) -> None:
    out = tmp_path / "out"
    file = search_file()
    other = start(file, out, settings, "--set", "training.epochs=8", "--json")
    wait_for(out / "trials" / "0001" / "log.csv", other)
    outcome = search(file, overrides=["training.epochs=8"])
    answer, err = other.communicate()
    assert (other.returncode, err) == (0, "")
    assert json.loads(answer)["trials"] == {"complete": 6, "pruned": 0, "failed": 0, "open": 0}
    assert json.loads(answer)["best"] == outcome.to_json()["best"]
    for number in range(1, 7):
        lines = (out / "trials" / f"{number:04d}" / "timings.csv").read_text().splitlines()
        assert [line.split(",")[0] for line in lines] == ["epoch", *(str(epoch) for epoch in range(1, 9))]


def test_the_shipped_grid_trains_a_point(
    search: Callable[..., SearchOutcome], layouts: ModuleType, tmp_path: Path
) -> None:
    source = f"kaggle:{layouts.make_kaggle(tmp_path / 'kaggle', n=24, size=(24, 24))}"
    few = ["model.weights=none", "training.epochs=1", "training.batch_size=8", "training.precision=float32"]
    outcome = search("kaggle-grid", source=source, overrides=few, trials=1)
    assert outcome.best is not None
    assert dict(outcome.best.values) == {
        "model.architecture": "resnet18",
        "training.learning_rate": 1e-4,
        "training.weight_decay": 1e-5,
    }
    assert load_recipe(str(tmp_path / "out" / "best.toml")).data.source == source
