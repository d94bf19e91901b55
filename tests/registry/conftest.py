"""Three bundles of one model, and an empty registry."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from helpers.model_versions import write_version
from sentinode.models.bundle import Bundle
from sentinode.registry.place import open_registry
from sentinode.registry.registry import Registry


@pytest.fixture(scope="session")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> list[Bundle]:
    """Of the name plain, with other temperatures."""
    folder = tmp_path_factory.mktemp("versions")
    return [write_version(folder / f"{number}", 1.3 + number / 2) for number in range(3)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The server's own folder, not made yet."""
    return tmp_path / "data"


@pytest.fixture
def registry(data: Path) -> Iterator[Registry]:
    """An empty registry in `data`."""
    with open_registry(data, make=True) as opened:
        yield opened
