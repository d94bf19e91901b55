"""Searches that go on: interrupted, killed, by two processes, or with something else in their place."""

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import optuna
import pytest

from sentinode.core.errors import RecipeError, StorageError, TrainingError
from sentinode.core.settings import Settings
from sentinode.studies.search import objective
from sentinode.studies.search import trial_storage as storage
from sentinode.studies.search.search_outcome import SearchOutcome
from sentinode.studies.search.trial_storage import open_storage, sqlite_url
from sentinode.training.recipe import Recipe

WriteSearch = Callable[..., Path]
RATE = {"training.learning_rate": {"low": 1e-4, "high": 1e-1, "log": True}}
Rows = Callable[[Path], list[dict[str, str]]]


def test_tpe_interrupted_and_resumed_proposes_what_it_would_have(
    search_file: WriteSearch,
    search: Callable[..., SearchOutcome],
    made_up: list[Recipe],
    tmp_path: Path,
    trial_rows: Rows,
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
    kept = trial_rows(tmp_path / "out")
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
    with pytest.raises(TrainingError, match=r"data_sha256 "):
        search(search_file(), source=f"folder:{one}")
    assert len(made_up) == 4


def test_a_folder_of_something_else_is_left_alone(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], tmp_path: Path
) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / "thesis.txt").write_text("mine")
    with pytest.raises(TrainingError, match=r"out .*choose another --out"):
        search(search_file())
    assert [path.name for path in out.iterdir()] == ["thesis.txt"]


def test_a_search_kept_elsewhere_is_not_begun_anew_here(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], made_up: list[Recipe], tmp_path: Path
) -> None:
    url = sqlite_url(tmp_path / "shared.db")
    search(search_file(), storage=url, trials=2)
    assert not (tmp_path / "out" / "search.db").exists()
    with pytest.raises(RecipeError, match=r"shared\.db, not in .*search\.db"):
        search(search_file())
    outcome = search(search_file(), storage=url, out=tmp_path / "second")  # another machine's folder
    assert len(made_up) == 6
    assert len(outcome.results.ranked) == 6


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
    with pytest.raises(StorageError, match=r"search\.db .*locked.*stop what holds it") as error:
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
