"""Trials that fail, searches that nothing can come of, and what they leave behind."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sentinode.core.errors import RecipeError, StorageError, TrainingError
from sentinode.studies.search import objective
from sentinode.studies.search.search_outcome import SearchOutcome
from sentinode.training.recipe import Recipe

WriteSearch = Callable[..., Path]


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


def test_what_is_refused_leaves_no_folder(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], tmp_path: Path
) -> None:
    with pytest.raises(StorageError, match="unable to open"):
        search(search_file(), storage="sqlite:////nowhere/at/all.db")
    with pytest.raises(RecipeError, match=r"unknown key 'training\.epoch'"):
        search(search_file(space={"training.epoch": [1]}))
    assert not (tmp_path / "out").exists()
