"""A small bundle, small slides and a way to scan them."""

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from sentinode.models.bundle import Bundle
from sentinode.models.bundle_writing import write_bundle
from sentinode.scanning.cohort import scan_slides
from sentinode.scanning.config import Machine, ScanConfig
from sentinode.scanning.outcome import Outcome

MPP = 0.5
"""µm/px of the slides."""
BATCH = 8


def _module(name: str, path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, Path(__file__).parents[1] / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture(scope="session")
def slide_files() -> ModuleType:
    """The makers of slide files: `tests/slides/slide_files.py`."""
    return _module("slide_files", "slides/slide_files.py")


@pytest.fixture(scope="session")
def write_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Bundle]:
    """Writes the bundle of an untrained network for tiles of 30 px at 0.972 µm/px; `changes` are to its facts."""
    models = _module("models_conftest", "models/conftest.py")

    def write(kind: str = "plain", **changes: Any) -> Bundle:
        deployed, info = models.make_deployed(kind)
        tiles = np.random.default_rng(2).integers(0, 256, (3, 30, 30, 3)).astype(np.uint8)
        reference = {"embedding": np.zeros((5, info.embedding_size), np.float16)}
        folder = tmp_path_factory.mktemp("bundles") / kind
        changed = info.model_copy(update=changes)
        return write_bundle(folder, changed, deployed, example_tiles=tiles, reference=reference)

    return write


@pytest.fixture(scope="session")
def bundle(write_model: Callable[..., Bundle]) -> Bundle:
    """The plain one; not to be changed by a test."""
    return write_model()


@pytest.fixture
def slide(tmp_path: Path, slide_files: ModuleType) -> Path:
    """472 × 328 px at 0.5 µm/px: 9 × 6 tiles of the bundle, of which those at the right and below jut out.

    Tiles are read from its level 1, and the overview from level 2.
    """
    path = tmp_path / "slides" / "one.tif"
    path.parent.mkdir()
    slide_files.write_tiff(path, slide_files.pyramid(slide_files.picture(), 3), compression="jpeg")
    return path


@dataclass(frozen=True)
class Scanner:
    """Scans into `out`, of all tissue or none, in batches of 8 tiles."""

    bundle: Bundle
    out: Path

    def __call__(self, *paths: Path, bundle: Bundle | None = None, **changes: Any) -> list[Outcome]:
        config = ScanConfig.model_validate({"tissue": None, "batch": BATCH, "engine": "openvino", **changes})
        return scan_slides(bundle or self.bundle, paths, self.out, config, Machine(threads=1))


@pytest.fixture
def scan(bundle: Bundle, tmp_path: Path) -> Scanner:
    """Scans slides with the small bundle."""
    return Scanner(bundle, tmp_path / "scans")
