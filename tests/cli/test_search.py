"""`sentinode search` as a person meets it."""

import json
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from helpers import layouts
from sentinode.studies.search import objective
from sentinode.studies.search import trial_storage as storage

Command = Callable[..., Any]

SEARCH = """
name = "mine"
recipe = "demo"
method = "grid"
[fixed]
training.epochs = 1
training.warmup_epochs = 0.5
training.batch_size = 16
model.test_time = "none"
[space]
training.learning_rate = [1e-3, 1e-2]
"""


@pytest.fixture
def words(tmp_path: Path, workplace: Path) -> list[str]:
    """The words of a search over two points on 180 small patches."""
    (workplace / "mine.toml").write_text(SEARCH, encoding="utf-8")
    folder = layouts.make_folder(tmp_path / "patches", n=30, size=(24, 24))
    return ["search", "mine.toml", "--data", f"folder:{folder}", "--out", "found"]


def test_ctrl_c_is_status_130_and_the_same_command_goes_on_to_a_recipe_that_trains(
    words: list[str], sentinode: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    usual, calls = objective.fit, []

    def stopped_at_two(*args: Any, **options: Any) -> Any:
        calls.append(1)
        if len(calls) == 2:
            raise KeyboardInterrupt
        return usual(*args, **options)

    monkeypatch.setattr(objective, "fit", stopped_at_two)
    outcome = sentinode(*words)
    assert (outcome.status, outcome.out) == (130, "")
    assert outcome.err == "stopped by Ctrl-C; the same command goes on after the last full epoch\n"
    assert (workplace / "found" / "search.html").is_file()
    outcome = sentinode(*words)
    assert (outcome.status, outcome.err) == (0, "")
    assert len(calls) == 3
    assert "trials    complete 2 of 2\n" in outcome.out
    assert "the test split was not looked at" in outcome.out
    assert "train it  sentinode train found/best.toml" in outcome.out
    answer = json.loads(sentinode(*words, "--json").out)
    assert answer["trials"] == {"complete": 2, "pruned": 0, "failed": 0, "open": 0}
    assert answer["best"]["values"]["training.learning_rate"] in (1e-3, 1e-2)
    trained = sentinode("train", "found/best.toml", "--out", "run")
    assert (trained.status, trained.err) == (0, "")
    log = (workplace / "run" / "log.csv").read_text().splitlines()[1].split(",")
    assert float(log[4]) == pytest.approx(answer["best"]["figure"], abs=1e-7)


def test_what_is_wrong_is_one_line_and_leaves_nothing(
    words: list[str], sentinode: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (workplace / "wrong.toml").write_text(SEARCH.replace("learning_rate", "learning_rat"), encoding="utf-8")
    for changed, message in (
        (["search", "wrong.toml", *words[2:]], "error: search mine: unknown key 'training.learning_rat'; remove or"),
        ([*words, "--set", "training.epochs=0"], "training.epochs = 0: input should be greater than or equal to 1"),
        (["search", "gird", *words[2:]], "there is no search file 'gird'; "),
        ([*words, "--storage", "nonsense"], "--storage is no database URL; give one as postgresql://"),
        ([*words, "--data", "folder:nowhere"], "there is no data set at 'nowhere'"),
    ):
        outcome = sentinode(*changed)
        assert (outcome.status, outcome.out) == (2, "")
        assert message in outcome.err
        assert outcome.err.count("\n") == 1
        assert sorted(path.name for path in workplace.iterdir()) == ["mine.toml", "wrong.toml"]


def test_a_locked_database_is_status_2(
    words: list[str], sentinode: Command, workplace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(storage, "_SQLITE_PATIENCE", 0.2)
    assert sentinode(*words, "--trials", "1").status == 0
    holder = sqlite3.connect(workplace / "found" / "search.db")
    holder.execute("BEGIN EXCLUSIVE")
    outcome = sentinode(*words)
    holder.close()
    assert (outcome.status, outcome.out) == (2, "")
    assert outcome.err.startswith("error: the search's database ")
    assert "; stop what holds it, or wait" in outcome.err
    assert sentinode(*words).status == 0
