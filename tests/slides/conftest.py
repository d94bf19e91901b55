"""Makers of small slides in the layouts that readers meet. Not square, of odd sizes, with known pixels."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def slide_files() -> ModuleType:
    """The makers of slide files: `tests/slides/slide_files.py`."""
    spec = importlib.util.spec_from_file_location("slide_files", Path(__file__).parent / "slide_files.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def pictures() -> ModuleType:
    """The makers of overviews with tissue, fat and ink: `tests/slides/tissue_pictures.py`."""
    spec = importlib.util.spec_from_file_location("tissue_pictures", Path(__file__).parent / "tissue_pictures.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
