"""SIGKILL at any moment, full disks, two processes at once: `sentinode features --slides` in processes of their own."""

from pathlib import Path
from typing import Any

import pytest

from helpers import slide_files
from helpers.kills import killed_again_and_again_it_gets_on, killed_once_it_goes_on
from sentinode.models.bundle import Bundle

pytest.importorskip("resource", reason="needs fork and file size limits")

KILLS = 8


def _words(bundle: Bundle, slide: Path, out: Path) -> tuple[object, ...]:
    options = ("--batch", 8, "--threads", 1, "--engine", "openvino", "--quiet", "--no-tissue")
    return ("features", bundle.folder, "--slides", slide, "--out", out, *options)


def _content(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(out.iterdir())}


def test_killed_at_random_moments_it_goes_on_and_ends_with_the_same_bytes(
    launch: Any, bundle: Bundle, slide: Path, tmp_path: Path
) -> None:
    slide_files.zero_tile(slide, 1, 5, skip=700, count=300)  # a tile that can't be read must outlive a kill, too
    expected = killed_once_it_goes_on(
        launch, lambda out: _words(bundle, slide, out), _content, slide, tmp_path, kills=KILLS, moments=30
    )
    assert set(expected) == {"one.h5", "features.csv"}


def test_killed_again_and_again_it_gets_on(launch: Any, bundle: Bundle, slide: Path, tmp_path: Path) -> None:
    killed_again_and_again_it_gets_on(launch, lambda out: _words(bundle, slide, out), _content, tmp_path)


@pytest.mark.parametrize(("room", "name"), [(50, "one.features"), (5000, "one.features")])
def test_without_room_it_stops_with_a_remedy_and_goes_on_later(
    launch: Any, bundle: Bundle, slide: Path, tmp_path: Path, room: int, name: str
) -> None:
    out, unbroken = tmp_path / "bags", tmp_path / "unbroken"
    stopped = launch(*_words(bundle, slide, out), file_bytes=room)
    assert stopped.status == 2
    (line,) = stopped.output.splitlines()
    assert name in line
    assert "ulimit" in line
    assert {path.name for path in out.iterdir()} <= {".one.features"}
    assert launch(*_words(bundle, slide, out)).status == 0
    assert launch(*_words(bundle, slide, unbroken)).status == 0
    assert _content(out) == _content(unbroken)


def test_two_processes_share_a_cohort(launch: Any, bundle: Bundle, slide: Path, tmp_path: Path) -> None:
    for name in ("two", "three"):
        slide.with_name(f"{name}.tif").write_bytes(slide.read_bytes())
    out = tmp_path / "bags"
    started = [launch.start(*_words(bundle, slide.parent, out)) for _ in range(2)]
    ended = [launch.wait(one) for one in started]
    assert [one.status for one in ended] == [0, 0], ended
    lines = [line for one in ended for line in one.output.splitlines() if ": 54 tiles; " in line]
    assert len(lines) == 6  # each tells of every slide
    assert sum("finished before" in line for line in lines) == 3  # and did those that the other one did not
    assert sorted(path.name for path in out.iterdir()) == ["features.csv", "one.h5", "three.h5", "two.h5"]
    assert len((out / "features.csv").read_text().splitlines()) == 4
