"""The benchmark of scanning runs: on tiny slides, where its figures mean nothing and none is judged."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("openslide")
pytest.importorskip("pyvips")

_SCAN = Path(__file__).parents[1] / "benchmarks" / "scan.py"


def _run(*cases: str) -> dict[str, Any]:
    command = [sys.executable, str(_SCAN), "--small", "--rounds", "1", "--threads", "1", "--json", "--cases", *cases]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)  # type: ignore[no-any-return]


def test_reading_and_planning_are_measured_on_the_same_pixels() -> None:
    result = _run("reading", "startup")
    differences = {each["what"]: each["largest_difference"] for each in result["reading"]}
    assert [differences.pop(name) for name in list(differences) if "between" not in name] == [0, 0, 0]
    assert len(differences) == 1
    for each in result["reading"]:
        assert each["lowest"] <= each["ratio"] <= each["highest"]
    assert result["startup"]["tiles"] > 0


@pytest.mark.slow
def test_scans_are_measured_against_the_engine_and_a_huge_slide_is_scanned() -> None:
    result = _run("resnet", "composed", "memory")
    floats, int8 = result["composed"]
    assert floats["tiles"] == int8["tiles"] >= floats["cells"] == int8["cells"] > 0
    assert floats["auc"] == pytest.approx(int8["auc"], abs=0.1)
    assert result["resnet"]["tiles"] > 0
    assert result["memory"]["tiles"] > 0
    assert result["memory"]["peak_gb"] > 0.1
