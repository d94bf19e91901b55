"""Makers of small slides in the layouts that readers meet. Not square, of odd sizes, with known pixels."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope="session")
def pictures() -> ModuleType:
    """The makers of overviews with tissue, fat and ink: `tests/slides/tissue_pictures.py`."""
    return _module("tissue_pictures")


def _module(name: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parent / f"{name}.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
