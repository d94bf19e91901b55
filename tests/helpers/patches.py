"""A small data set that a network learns within seconds, and recipes for it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from sentinode.core.settings import Settings
from sentinode.training.recipe import Recipe, parse_recipe

SIDE = 24


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """One thread, and a cache of the test's own."""
    return Settings(cache=tmp_path / "cache", threads=1)


@pytest.fixture(scope="session")
def patches(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Folder of 240 patches in train, validation and test: tumour has a dark spot in its centre."""
    folder = tmp_path_factory.mktemp("patches")
    rng = np.random.default_rng(0)
    for split, count in {"train": 120, "validation": 60, "test": 60}.items():
        for number in range(count):
            label = number % 2
            pixels = rng.normal(190, 25, (SIDE, SIDE, 3))
            if label:
                pixels[8:16, 8:16] -= rng.uniform(10, 60)
            path = folder / split / ("tumour" if label else "normal") / f"{number:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return folder


@pytest.fixture(scope="session")
def small_recipe(patches: Path) -> Callable[..., Recipe]:
    """Makes a recipe for `patches`; keywords are tables with values that go over its own."""

    def make(**tables: dict[str, object]) -> Recipe:
        values: dict[str, dict[str, object]] = {
            "data": {"source": f"folder:{patches}"},
            "model": {"architecture": "cnn3", "dropout": 0.1, "pooling": ["mean", "max"]},
            "training": {"epochs": 3, "batch_size": 16, "learning_rate": 3e-3, "average_decay": 0.9},
            "evaluation": {"targets": ["auc>=0.5", "sensitivity>=0.99999"]},
        }
        for table, changes in tables.items():
            values[table] = values[table] | changes
        return parse_recipe(values, "small")

    return make
