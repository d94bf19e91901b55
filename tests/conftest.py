"""Fixtures that every room's tests may use."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

_SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real patches, slides and weights that lies beside a developer's checkout."""
    if not _SHARED_DATA.is_dir():
        pytest.skip(f"real data is not here: {_SHARED_DATA} is missing")
    return _SHARED_DATA


@pytest.fixture(scope="session")
def layouts() -> ModuleType:
    """The makers of small archives in the real public layouts: `tests/data/layouts.py`."""
    spec = importlib.util.spec_from_file_location("layouts", Path(__file__).parent / "data" / "layouts.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def scan_folders() -> ModuleType:
    """The maker of scan folders without a model: `tests/scanning/scan_folders.py`."""
    spec = importlib.util.spec_from_file_location("scan_folders", Path(__file__).parent / "scanning/scan_folders.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
