"""Fixtures that every room's tests may use."""

from pathlib import Path

import pytest

_SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real patches, slides and weights that lies beside a developer's checkout."""
    if not _SHARED_DATA.is_dir():
        pytest.skip(f"real data is not here: {_SHARED_DATA} is missing")
    return _SHARED_DATA
