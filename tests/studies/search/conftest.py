"""Searches over the small recipe, with trainings that are real or made up."""

import csv
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import tomli_w

from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.studies.search import objective
from sentinode.studies.search import search_outcome as results
from sentinode.studies.search.search_outcome import SearchOutcome
from sentinode.studies.search.search_study import run_search
from sentinode.training.network_fit import Fitted
from sentinode.training.recipe import Recipe

GRID = {"training.learning_rate": [1e-3, 3e-3, 1e-2], "training.batch_size": [16, 32]}


@pytest.fixture
def search_file(small_recipe: Callable[..., Recipe], tmp_path: Path) -> Callable[..., Path]:
    """Writes a search file for the small recipe; keywords go over a grid of six points."""

    def write(**changes: Any) -> Path:
        (tmp_path / "base.toml").write_text(small_recipe().to_toml(), encoding="utf-8")
        values = {"name": "small", "recipe": "base.toml", "method": "grid", "space": GRID, **changes}
        path = tmp_path / "mine.toml"
        path.write_text(tomli_w.dumps(values), encoding="utf-8")
        return path

    return write


@pytest.fixture
def search(tmp_path: Path, settings: Settings) -> Callable[..., SearchOutcome]:
    """Runs a search into `tmp_path/out`; what it tells is in `search.told`."""
    told: list[str] = []

    def run(file: Path | str, **changes: Any) -> SearchOutcome:
        options = {"source": None, "out": tmp_path / "out", "settings": settings, "progress": Progress()}
        return run_search(str(file), **{**options, "tell": told.append, **changes})

    run.told = told  # type: ignore[attr-defined]
    return run


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> list[Recipe]:
    """Trainings that take no time: the AUC rises with the epochs and is best at a learning rate of 0.003.

    Returns the recipes that were trained, in order.
    """
    trained: list[Recipe] = []

    def fit(recipe: Recipe, data: Any, run: Path, *, stop: Callable[[Sequence[Any]], bool], **_: Any) -> Fitted:
        trained.append(recipe)
        rows: list[dict[str, float]] = []
        for epoch in range(1, recipe.training.epochs + 1):
            auc = made_up_auc(recipe, epoch)
            rows.append({"epoch": epoch, "validation_auc": auc, "validation_loss": 1 - auc, "validation_accuracy": auc})
            if epoch < recipe.training.epochs and stop(rows):
                break
        return Fitted(None, None, rows)  # type: ignore[arg-type]

    monkeypatch.setattr(objective, "fit", fit)
    # The pages of real trainings are looked at elsewhere; drawing them takes longer than all the rest.
    monkeypatch.setattr(results, "write_search_page", lambda found, _context, out, **_: out.write_text(found.name))
    return trained


def made_up_auc(recipe: Recipe, epoch: int) -> float:
    """What `made_up` says of a recipe after an epoch."""
    rate = recipe.training.learning_rate
    return 0.9 - 0.05 * abs(rate - 0.003) / (rate + 0.003) - 0.1 / epoch - recipe.training.batch_size / 10_000


@pytest.fixture
def trial_rows() -> Callable[[Path], list[dict[str, str]]]:
    """Reads the lines of a search's `trials.csv`."""

    def read(folder: Path) -> list[dict[str, str]]:
        with (folder / "trials.csv").open(encoding="utf-8", newline="") as file:
            return list(csv.DictReader(file))

    return read
