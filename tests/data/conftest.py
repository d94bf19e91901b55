"""Fixtures for the tests of the data room."""

from collections.abc import Callable
from pathlib import Path

import pytest

from sentinode.core.progress import Progress
from sentinode.data.data_config import DataConfig
from sentinode.data.dataset import Dataset, load_dataset


@pytest.fixture
def load(tmp_path: Path) -> Callable[..., Dataset]:
    """Load a data set from `address`, with the rest of the configuration as in a recipe."""

    def load(address: object, **config: object) -> Dataset:
        parsed = DataConfig.model_validate({"source": str(address), **config})
        return load_dataset(parsed, cache=tmp_path / "cache", progress=Progress())

    return load
