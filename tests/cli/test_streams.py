"""The command in shells as they come: any encoding, a closed or full output, a home that is no place for files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

NAME = "größe µ.png"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("shell")
    for label in ("normal", "tumour"):
        (made / label).mkdir()
        for number in range(4):
            pixels = np.random.default_rng([number, len(label)]).integers(0, 255, (96, 96, 3), np.uint8)
            Image.fromarray(pixels).save(made / label / f"{number}{NAME}")
    return made


def run(command: str, folder: Path, **environment: str) -> subprocess.CompletedProcess[bytes]:
    """A line of a shell, with SENTINODE for the command."""
    # The other end of a pipe has to be gone before the command writes, however quick it is.
    program = f"{sys.executable} -m sentinode.cli.main"
    line = command.replace("SENTINODE", f"sleep 0.5; {program}" if "| true" in command else program)
    line = f"({line.replace(' | true', ') | true')}" if "| true" in line else line
    return subprocess.run(
        ["bash", "-o", "pipefail", "-c", line],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        check=False,
    )


@pytest.mark.parametrize("encoding", ["ascii", "cp1252", "latin-1", "utf-8"])
def test_any_encoding_of_the_output(folder: Path, encoding: str) -> None:
    done = run("SENTINODE predict pcam normal", folder, PYTHONIOENCODING=encoding)
    assert (done.returncode, done.stderr) == (0, b"")
    shown = NAME if encoding != "ascii" else NAME.encode("ascii", "backslashreplace").decode()
    assert f"normal/0{shown}" in done.stdout.decode(encoding)


def test_json_is_json_in_any_encoding(folder: Path) -> None:
    for encoding in ("cp1252", "utf-8"):
        done = run("SENTINODE predict pcam normal --json", folder, PYTHONIOENCODING=encoding)
        lines = done.stdout.decode("utf-8").splitlines()
        assert [json.loads(line)["path"] for line in lines] == [f"normal/{number}{NAME}" for number in range(4)]


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("SENTINODE bundle show pcam >&-", 0),
        ("SENTINODE bundle show pcam <&- >&- 2>&-", 0),
        ("SENTINODE bundle show no-such-bundle >&-", 2),
        ("SENTINODE predict pcam normal normal normal | true", 141),
        ("SENTINODE predict pcam normal --json | true", 141),
        ("SENTINODE predict pcam normal 2>&1 | true", 141),
        ("SENTINODE bundle show pcam | true", 141),
        ("SENTINODE data inspect folder:. --out look --json | true", 141),
        ("SENTINODE --help | true", 141),
        ("SENTINODE scan --help | true", 141),
        ("SENTINODE --version | true", 141),
        ("SENTINODE --no-such-option 2>&1 | true", 141),
        ("SENTINODE bundle show no-such-bundle 2>&1 | true", 141),
        ("SENTINODE predict pcam normal normal normal | head -n 1 > first", None),
        ("SENTINODE bundle show pcam > /dev/full", 2),
    ],
)
def test_an_output_that_is_closed_or_full_is_no_traceback(folder: Path, line: str, status: int | None) -> None:
    done = run(line, folder)
    assert status is None or done.returncode == status
    assert b"Traceback" not in done.stderr
    assert b"Exception ignored" not in done.stderr
    assert done.stderr.count(b"\n") == (status == 2)
    if "/dev/full" in line:
        assert b"no space left on the disk while writing standard output" in done.stderr


def test_a_closed_output_is_no_number_for_the_next_file(folder: Path) -> None:
    line = "SENTINODE predict pcam normal --csv closed.csv >&- 2>&-"
    assert run(line, folder).returncode == 0
    assert (folder / "closed.csv").read_text(encoding="utf-8").startswith("path,prediction,p_normal")


def test_a_home_where_nothing_can_be_written(folder: Path) -> None:
    done = run("SENTINODE predict pcam normal", folder, HOME="/proc")
    assert (done.returncode, done.stderr) == (0, b"")
    done = run(
        f"unset XDG_CACHE_HOME SENTINODE_CACHE; SENTINODE data inspect folder:{folder} --out seen", folder, HOME="/proc"
    )
    assert done.returncode == 2
    assert done.stderr.startswith(b"error: can't write /proc/.cache/sentinode/")
    assert done.stderr.endswith(b"choose another folder, with SENTINODE_CACHE\n")
    assert done.stderr.count(b"\n") == 1
