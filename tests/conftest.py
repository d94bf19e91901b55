"""Fixtures that every room's tests may use."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest
from hypothesis import settings

# No test judges by time: a busy machine takes ten times as long as a calm one.
settings.register_profile("sentinode", deadline=None)
settings.load_profile("sentinode")

pytest_plugins = ["helpers.assessed", "helpers.patches", "helpers.scanner"]

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
    return _module("data/layouts.py")


@pytest.fixture(scope="session")
def scan_folders() -> ModuleType:
    """The maker of scan folders without a model: `tests/scanning/scan_folders.py`."""
    return _module("scanning/scan_folders.py")


@pytest.fixture(scope="session")
def slide_files() -> ModuleType:
    """The makers of slide files: `tests/slides/slide_files.py`."""
    return _module("slides/slide_files.py")


@pytest.fixture(scope="session")
def tissue_pictures() -> ModuleType:
    """The makers of overviews with tissue, fat and ink: `tests/slides/tissue/tissue_pictures.py`."""
    return _module("slides/tissue/tissue_pictures.py")


@pytest.fixture(scope="session")
def model_makers() -> ModuleType:
    """The makers of untrained networks: `tests/models/conftest.py`."""
    return _module("models/conftest.py")


@pytest.fixture(scope="session")
def server_process() -> ModuleType:
    """Servers as processes of their own: `tests/serving/server_process.py`."""
    return _module("serving/server_process.py")


def _module(path: str) -> ModuleType:
    file = Path(__file__).parent / path
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
