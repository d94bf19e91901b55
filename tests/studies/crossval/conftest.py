"""Recipes for cross-validating a small untrained network's features, and the network itself."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sentinode.studies.crossval.crossval_recipe import AnyCrossvalRecipe, load_crossval_recipe

QUICK = [
    *("features.model.weights=none", "classifier.grid={C=[0.1, 1.0]}", "crossval.folds=3", "crossval.repeats=2"),
    *("crossval.inner_folds=2", "crossval.permutations=3"),
]
TRAIN = [
    *("crossval.folds=2", "crossval.inner_folds=3", "crossval.permutations=9", "training.epochs=2"),
    *("training.batch_size=16", "training.warmup_epochs=0.5", "model.test_time=none", "evaluation.targets=[]"),
]


@pytest.fixture
def quick(patches: Path) -> Callable[..., AnyCrossvalRecipe]:
    """Features of cnn3 and logistic regression on `patches`."""

    def make(*overrides: str) -> AnyCrossvalRecipe:
        return load_crossval_recipe("cnn3", source=f"folder:{patches}", overrides=[*QUICK, *overrides])

    return make


@pytest.fixture
def deep(patches: Path) -> Callable[..., AnyCrossvalRecipe]:
    """The recipe `demo`, for two epochs on `patches`."""

    def make(*overrides: str) -> AnyCrossvalRecipe:
        return load_crossval_recipe("demo", source=f"folder:{patches}", overrides=[*TRAIN, *overrides])

    return make
