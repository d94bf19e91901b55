"""A small bundle, small slides and a way to scan them."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import model_makers, slide_files
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_writer import write_bundle
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.outcome import Outcome
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.scan_queue import scan_slides
from sentinode.scanning.tiling_config import Machine

MPP = 0.5
"""µm/px of the slides."""
BATCH = 8


@pytest.fixture(scope="session")
def write_model(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Bundle]:
    """Writes the bundle of an untrained network for tiles of 30 px at 0.972 µm/px; `changes` are to its facts."""

    def write(kind: str = "plain", **changes: Any) -> Bundle:
        deployed, info = model_makers.make_deployed(kind)
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
def slide(tmp_path: Path) -> Path:
    """472 × 328 px at 0.5 µm/px: 9 × 6 tiles of the bundle, of which those at the right and below jut out.

    Tiles are read from its level 1, and the overview from level 2.
    """
    path = tmp_path / "slides" / "one.tif"
    path.parent.mkdir()
    slide_files.write_tiff(path, slide_files.pyramid(slide_files.picture(), 3), compression="jpeg")
    return path


def engine_of(bundle: Bundle, config: ScanConfig, threads: int = 1) -> LazyEngine:
    """A bundle, and what a configuration makes it do."""
    return LazyEngine(bundle, config.resolved(bundle.info), threads)


@dataclass(frozen=True)
class Scanner:
    """Scans into `out`, of all tissue or none, in batches of 8 tiles."""

    bundle: Bundle
    out: Path

    def __call__(self, *paths: Path, bundle: Bundle | None = None, **changes: Any) -> list[Outcome]:
        config = ScanConfig.model_validate({"tissue": None, "batch": BATCH, "engine": "openvino", **changes})
        return scan_slides(engine_of(bundle or self.bundle, config), paths, self.out, Machine(threads=1))


@pytest.fixture
def scan(bundle: Bundle, tmp_path: Path) -> Scanner:
    """Scans slides with the small bundle."""
    return Scanner(bundle, tmp_path / "scans")


@dataclass(frozen=True)
class Ended:
    """How a command in a process of its own ended; a negative status is the signal that killed it."""

    status: int
    output: str
    """Standard output and error."""
    moments: int
    """That it passed, where they were counted."""


class Launcher:
    """Starts `sentinode` commands in processes of their own; see `launcher.py`."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self._process, self._folder, self._started = process, folder, 0

    def start(self, *words: object, **request: Any) -> tuple[int, Path]:
        """Start a command; what it is known by."""
        self._started += 1
        output = self._folder / f"{self._started}.txt"
        return self._ask({"words": [str(word) for word in words], "output": str(output), **request}), output

    def wait(self, started: tuple[int, Path]) -> Ended:
        """Wait for its end."""
        status, output = self._ask({"wait": started[0]}), started[1]
        counted = output.with_name(f"{output.name}.moments")
        moments = int(counted.read_text() or 0) if counted.exists() else 0
        return Ended(status, output.read_text(encoding="utf-8"), moments)

    def __call__(self, *words: object, **request: Any) -> Ended:
        return self.wait(self.start(*words, **request))

    def _ask(self, request: dict[str, Any]) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())


@pytest.fixture(scope="session")
def launch(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Launcher]:
    """Runs commands in processes that can be killed, or be short of space."""
    script = Path(__file__).with_name("launcher.py")
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    with subprocess.Popen(
        [sys.executable, script], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        yield Launcher(process, tmp_path_factory.mktemp("launched"))
        assert process.stdin is not None
        process.stdin.close()
