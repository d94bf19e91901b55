"""SIGKILL at any moment, full disks, two processes at once: `sentinode scan` commands in processes of their own."""

import json
import signal
from pathlib import Path
from typing import Any

import pytest

from helpers import slide_files
from helpers.kills import killed_again_and_again_it_gets_on, killed_once_it_goes_on
from sentinode.models.bundle import Bundle
from sentinode.scanning.scan_folder import read_record

pytest.importorskip("resource", reason="needs fork and file size limits")

KILLS = 10


def _words(bundle: Bundle, slide: Path, out: Path) -> tuple[object, ...]:
    options = ("--batch", 8, "--threads", 1, "--engine", "openvino", "--quiet")
    return ("scan", bundle.folder, slide, "--out", out, *options)


def _content(out: Path) -> dict[str, Any]:
    """All files of a folder of scans; of `scan.json` what is not a time."""
    found: dict[str, Any] = {}
    for path in sorted(out.rglob("*")):
        if path.name == "scan.json":
            record = json.loads(path.read_text())
            found[str(path.relative_to(out))] = {
                key: value for key, value in record.items() if key not in ("timings_s", "tiles_per_s")
            }
        elif path.is_file():
            found[str(path.relative_to(out))] = path.read_bytes()
    return found


def test_killed_at_ten_random_moments_it_goes_on_and_ends_as_if_it_had_not_been(
    launch: Any, bundle: Bundle, slide: Path, tmp_path: Path
) -> None:
    slide_files.zero_tile(slide, 1, 5, skip=700, count=300)  # what was wrong with a tile must outlive a kill, too
    killed_once_it_goes_on(
        launch, lambda out: _words(bundle, slide, out), _content, slide, tmp_path, kills=KILLS, moments=50
    )


def test_killed_again_and_again_it_gets_on(launch: Any, bundle: Bundle, slide: Path, tmp_path: Path) -> None:
    killed_again_and_again_it_gets_on(launch, lambda out: _words(bundle, slide, out), _content, tmp_path)


def test_killed_while_a_failed_slide_is_recorded(launch: Any, bundle: Bundle, tmp_path: Path) -> None:
    junk, unbroken = tmp_path / "junk.svs", tmp_path / "unbroken"
    junk.write_bytes(b"no slide at all")
    whole = launch(*_words(bundle, junk, unbroken), watch=[str(unbroken)])
    assert whole.status == 1
    for moment in range(whole.moments):
        out = tmp_path / f"killed{moment}"
        assert launch(*_words(bundle, junk, out), watch=[str(out)], kill_at=moment).status == -signal.SIGKILL
        assert launch(*_words(bundle, junk, out)).status == 1
        assert _content(out) == _content(unbroken), moment


def test_a_scan_that_is_there_outlives_one_that_is_killed(
    launch: Any, bundle: Bundle, slide: Path, tmp_path: Path
) -> None:
    out = tmp_path / "scans"
    assert launch(*_words(bundle, slide, out)).status == 0
    before = _content(out)
    other = (*_words(bundle, slide, out), "--threshold", 0.3)
    assert launch(*other, watch=[str(out)], kill_at=40).status == -signal.SIGKILL
    assert {name: before[name] for name in before if name.startswith("one/")}.items() <= _content(out).items()
    assert launch(*_words(bundle, slide, out)).output.startswith("one: ")
    assert _content(out) == before  # and what the killed one had begun is gone


@pytest.mark.parametrize(
    ("room", "name"),
    [(50, "one.progress"), (300, "one.progress"), (1000, "tiles.parquet"), (6000, "tissue.png"), (40_000, "overlay")],
)
def test_without_room_for_a_file_it_stops_with_a_remedy_and_goes_on_later(
    launch: Any, bundle: Bundle, slide: Path, tmp_path: Path, room: int, name: str
) -> None:
    out, unbroken = tmp_path / "scans", tmp_path / "unbroken"
    stopped = launch(*_words(bundle, slide, out), file_bytes=room)
    assert stopped.status == 2
    (line,) = stopped.output.splitlines()
    assert name in line
    assert "ulimit" in line
    assert {path.name for path in out.iterdir()} <= {".one.progress"}
    assert launch(*_words(bundle, slide, out)).status == 0
    assert launch(*_words(bundle, slide, unbroken)).status == 0
    assert _content(out) == _content(unbroken)


def test_two_processes_share_a_cohort(launch: Any, bundle: Bundle, slide: Path, tmp_path: Path) -> None:
    for name in ("two", "three"):
        slide.with_name(f"{name}.tif").write_bytes(slide.read_bytes())
    out = tmp_path / "scans"
    started = [launch.start(*_words(bundle, slide.parent, out)) for _ in range(2)]
    ended = [launch.wait(one) for one in started]
    assert [one.status for one in ended] == [0, 0]
    lines = [line for one in ended for line in one.output.splitlines() if "; 54 tiles" in line]
    assert len(lines) == 6  # each tells of every slide
    assert sum("finished before" in line for line in lines) == 3  # and did those that the other one did not
    assert sorted(path.name for path in out.iterdir()) == ["one", "scans.csv", "three", "two"]
    assert {read_record(out / name).status for name in ("one", "two", "three")} == {"finished"}
    assert len((out / "scans.csv").read_text().splitlines()) == 4
