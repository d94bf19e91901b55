"""The database of a search: what is wrong with it in one line, and several processes at once."""

import sqlite3
import subprocess
import sys
from collections import Counter
from pathlib import Path

import optuna
import pytest

from sentinode.core.errors import MissingExtraError, StorageError
from sentinode.studies.search import trial_storage as module
from sentinode.studies.search.trial_storage import open_storage, shown_url, sqlite_url


@pytest.mark.parametrize("name", ["a b?c#d%20e.db", "{x} 100% ü'\".db"])
def test_a_file_may_be_called_anything(name: str, tmp_path: Path) -> None:
    path = tmp_path / name
    with open_storage(sqlite_url(path)) as storage:
        optuna.create_study(storage=storage, study_name="x")
    assert path.is_file()
    assert shown_url(sqlite_url(path)) == str(path)
    with open_storage(sqlite_url(path)) as storage:
        assert optuna.get_all_study_names(storage) == ["x"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("nonsense", "--storage is no database URL; give one as postgresql"),
        ("frob://x", "can't be used .*frob"),
        ("sqlite://", "keeps nothing; give a file"),
        ("sqlite:///:memory:", "keeps nothing; give a file"),
        ("sqlite:////nowhere/at/all/x.db", "/nowhere/at/all/x.db can't be used .unable to open database file.; check"),
    ],
)
def test_a_wrong_url_is_one_line_with_the_remedy(url: str, message: str) -> None:
    with pytest.raises(StorageError, match=message) as error, open_storage(url):
        pass
    assert "\n" not in str(error.value)


def test_a_password_is_not_shown() -> None:
    url = "sqlite+nosuchdriver://me:secret@host/searches"
    assert "secret" not in shown_url("postgresql://me:secret@host/searches")
    with pytest.raises((StorageError, MissingExtraError)) as error, open_storage(url):
        pass
    assert "secret" not in str(error.value)


def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "x.db"
    path.write_text("not a database " * 50)
    with (
        pytest.raises(StorageError, match=r"x\.db can't be used \(file is not a database\)"),
        open_storage(sqlite_url(path)),
    ):
        pass
    assert path.read_text().startswith("not a database")


def test_a_database_that_is_locked_later(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SQLITE_PATIENCE", 0.05)
    path = tmp_path / "x.db"

    def write_while_held() -> None:
        with open_storage(sqlite_url(path)) as storage:
            study = optuna.create_study(storage=storage)
            holder = sqlite3.connect(path)
            try:
                holder.execute("BEGIN EXCLUSIVE")
                study.set_user_attr("x", 1)
            finally:
                holder.close()

    with pytest.raises(StorageError, match=r"x\.db .*locked.*what was finished is kept"):
        write_while_held()


def test_a_heart_that_misses_a_beat_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_SQLITE_PATIENCE", 0.05)
    path = tmp_path / "x.db"
    with open_storage(sqlite_url(path)) as storage:
        study = optuna.create_study(storage=storage)
        study.add_trial(optuna.trial.create_trial(state=optuna.trial.TrialState.RUNNING))
        holder = sqlite3.connect(path)
        holder.execute("BEGIN EXCLUSIVE")
        storage.record_heartbeat(1)
        holder.close()
        storage.record_heartbeat(1)


_WORKER = """
import sys
from sentinode.studies.search.search_config import SearchConfig
from sentinode.studies.search.samplers import GridPoints
from sentinode.studies.search.search_space import Space
from sentinode.studies.search.trial_storage import open_storage
from sentinode.studies.search.trials import attempts, is_mine, requeue_interrupted
from sentinode.training.recipe import load_recipe
import optuna

url, budget = sys.argv[1], 30
values = {"name": "x", "recipe": "demo", "method": "grid", "space": {"seed": {"low": 1, "high": budget, "int": True}}}
space = Space.of(SearchConfig.model_validate(values), load_recipe("demo"))


class Surplus(Exception):
    pass


def objective(trial):
    if is_mine(trial, attempts(study, budget)) is None:
        trial.set_user_attr("let go", True)
        raise Surplus
    values = space.suggest(trial)
    if trial.number % 7 == 3:
        trial.set_user_attr("let go", True)  # as if stopped, so that both processes queue it again
        raise Surplus
    print(values["seed"])
    return values["seed"] / 100


with open_storage(url) as storage:
    study = optuna.create_study(storage=storage, study_name="x", sampler=GridPoints(space), load_if_exists=True)
    while True:
        found = attempts(study, budget)
        requeue_interrupted(study, found)
        if len(found) == budget and all(one.ended for one in found):
            break
        study.optimize(objective, n_trials=1, catch=(Surplus,))
"""


def test_two_processes_do_every_point_of_a_grid_once(tmp_path: Path) -> None:
    command = [sys.executable, "-W", "error", "-c", _WORKER, sqlite_url(tmp_path / "x.db")]
    workers = [subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    texts = [worker.communicate() for worker in workers]
    assert [(worker.returncode, err) for worker, (_, err) in zip(workers, texts, strict=True)] == [(0, "")] * 2
    done = Counter(int(word) for out, _ in texts for word in out.split())
    assert done == Counter(range(1, 31))
