"""Searches from end to end: what they write, what they never read, what they end early."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import layouts
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import load_dataset
from sentinode.data.pack import Pack
from sentinode.studies.search import objective
from sentinode.studies.search.search_data import without_test
from sentinode.studies.search.search_outcome import SearchOutcome
from sentinode.training.recipe import Recipe, load_recipe

WriteSearch = Callable[..., Path]
Rows = Callable[[Path], list[dict[str, str]]]


def test_a_grid_trains_every_point_and_writes_the_best_recipe(
    search_file: WriteSearch, search: Callable[..., SearchOutcome], tmp_path: Path, trial_rows: Rows, patches: Path
) -> None:
    space = {"training.learning_rate": [1e-9, 3e-3], "training.augmentation.flips": [True, False]}
    outcome = search(search_file(space=space), overrides=["training.epochs=2"])
    out = tmp_path / "out"
    table = trial_rows(out)
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
    assert "picked among 4 trials" in page
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


def test_the_worse_half_is_ended_early_where_pruning_is_on(
    search_file: WriteSearch,
    search: Callable[..., SearchOutcome],
    made_up: list[Recipe],
    tmp_path: Path,
    trial_rows: Rows,
) -> None:
    space = {"training.learning_rate": [4e-3, 2e-3, 1e-1, 3e-3, 5e-2]}
    settings = {"pruning": "median", "pruning_after_trials": 2, "pruning_after_epochs": 1}
    outcome = search(search_file(space=space, **settings), overrides=["training.epochs=4"])
    assert [trial.state for trial in outcome.trials] == ["complete", "complete", "pruned", "complete", "pruned"]
    assert [len(trial.curve) for trial in outcome.trials] == [4, 4, 2, 4, 2]
    assert [row["state"] for row in trial_rows(tmp_path / "out")] == ["complete"] * 3 + ["pruned"] * 2
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


def test_the_shipped_grid_trains_a_point(search: Callable[..., SearchOutcome], tmp_path: Path) -> None:
    source = f"kaggle:{layouts.make_kaggle(tmp_path / 'kaggle', n=24, size=(24, 24))}"
    few = ["model.weights=none", "training.epochs=1", "training.batch_size=8", "training.precision=float32"]
    few.append("evaluation.flagged=0.34")  # one of three validation images
    outcome = search("kaggle-grid", source=source, overrides=few, trials=1)
    assert outcome.best is not None
    assert dict(outcome.best.values) == {
        "model.architecture": "resnet18",
        "training.learning_rate": 1e-4,
        "training.weight_decay": 1e-5,
    }
    assert load_recipe(str(tmp_path / "out" / "best.toml")).data.source == source
