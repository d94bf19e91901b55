"""Fixtures that every room's tests may use."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import settings

# No test judges by time: a busy machine takes ten times as long as a calm one.
settings.register_profile("sentinode", deadline=None)
settings.load_profile("sentinode")

pytest_plugins = ["helpers.assessed", "helpers.graphs_once", "helpers.patches", "helpers.scanner"]

_SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Files with slow tests first, then those with many: a long one that starts last would keep one process alone."""
    slow = {item.path for item in items if item.get_closest_marker("slow")}
    count = Counter(item.path for item in items)
    items.sort(key=lambda item: (item.path not in slow, -count[item.path], item.path))


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real patches, slides and weights that lies beside a developer's checkout."""
    if not _SHARED_DATA.is_dir():
        pytest.skip(f"real data is not here: {_SHARED_DATA} is missing")
    return _SHARED_DATA
