"""The examples, run as a reader runs them; the reader of one of them keeps the contract of readers."""

import os
import subprocess
import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import numpy as np
import pytest

from sentinode.testing import ReaderCase, ReaderTests

EXAMPLES = Path(__file__).parents[1] / "examples"
SAYS = {
    "add_a_reader": "400 × 300 px",
    "few_images": "low_confidence",
    "scan_and_measure": "mm² tissue",
    "train_on_patches": "sensitivity",
    "use_the_api": '"prediction"',
}


def test_every_example_is_run() -> None:
    assert {path.stem for path in EXAMPLES.glob("*.py")} == set(SAYS)


@pytest.mark.slow
@pytest.mark.parametrize("name", SAYS)
def test_the_example_runs(name: str, tmp_path: Path) -> None:
    environment = {**os.environ, "SENTINODE_CACHE": str(tmp_path / "cache"), "SENTINODE_THREADS": "1"}
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), str(tmp_path / "out")]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert SAYS[name] in done.stdout


class TestExampleReader(ReaderTests):
    """The public suite, as the example says."""

    @pytest.fixture
    def case(self, tmp_path: Path) -> ReaderCase:
        spec = spec_from_file_location("add_a_reader", EXAMPLES / "add_a_reader.py")
        assert spec is not None
        assert spec.loader is not None
        example = module_from_spec(spec)
        spec.loader.exec_module(example)
        pixels = np.random.default_rng(1).integers(0, 250, (130, 170, 3)).astype(np.uint8)
        np.save(tmp_path / "slide.npy", pixels)
        return ReaderCase(lambda: example.NpyReader(tmp_path / "slide.npy", 0), [pixels])
