"""Nothing stops a cohort: faults of one slide, kills, and processes that share a folder."""

import errno
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
import openslide
import pandas as pd
import pytest

from helpers import slide_files
from sentinode.core.errors import StorageError
from sentinode.models.bundle import Bundle
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.progress_file import ProgressFile
from sentinode.scanning.scan_folder import read_record
from sentinode.scanning.tiles_file import read_scanned_tiles

_SCANNING = """
import sys, time
from pathlib import Path
from sentinode.models.bundle import open_bundle
from sentinode.models.engines.engine import Engine
from sentinode.scanning.lazy_engine import LazyEngine
from sentinode.scanning.scan_queue import scan_slides
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.tiling_config import Machine
bundle, slide, out = sys.argv[1:]
config = ScanConfig(tissue=None, batch=8, engine="openvino")
plain = Engine.predict
def slowly(self, tiles):
    time.sleep(0.05)
    return plain(self, tiles)
Engine.predict = slowly
opened = open_bundle(bundle)
engine = LazyEngine(opened, config.resolved(opened.info), 1)
scan_slides(engine, [Path(slide)], Path(out), Machine(threads=1))
"""


def test_a_bad_slide_is_a_typed_record_and_the_rest_goes_on(scan: Any, slide: Path, tmp_path: Path) -> None:
    junk, cut, unsized, coarse = (tmp_path / f"{name}.tif" for name in ("junk", "cut", "unsized", "coarse"))
    junk.write_bytes(b"no slide at all")
    cut.write_bytes(slide.read_bytes()[:20_000])
    slide_files.write_tiff(unsized, [slide_files.picture(200, 150)], resolution=None, unit="NONE")
    slide_files.write_tiff(coarse, [slide_files.picture(200, 150)], resolution=(2500.0, 2500.0))
    outcomes = scan(junk, cut, slide, unsized, coarse)
    failures = [one.record.failure for one in outcomes]
    assert [bool(failure) for failure in failures] == [True, True, False, True, True]
    assert [failure.stage for failure in failures if failure] == ["opening", "opening", "planning", "planning"]
    assert "--mpp" in failures[3].message
    assert "4 µm/px" in failures[4].message
    assert "0.972 µm/px" in failures[4].message
    assert read_record(scan.out / "junk").status == "failed"
    table = pd.read_csv(scan.out / "scans.csv").set_index("slide")
    assert table["status"].to_dict() == {
        "coarse": "failed", "cut": "failed", "junk": "failed", "one": "finished", "unsized": "failed",
    }  # fmt: skip
    assert [one.reused for one in scan(junk, slide)] == [False, True]  # a failed one is tried again


def test_an_unreadable_tile_is_left_out_and_counted(scan: Any, slide: Path) -> None:
    scan(slide)
    before = read_scanned_tiles(scan.out / "one").scores
    slide_files.zero_tile(slide, 1, 5, skip=700, count=300)
    (outcome,) = scan(slide)
    assert not outcome.reused  # the file has changed
    counts = outcome.record.tiles
    scores = read_scanned_tiles(scan.out / "one").scores
    lost = np.isnan(scores).all(axis=1)
    assert 1 <= lost.sum() <= 9
    assert (counts.unreadable, counts.scanned) == (lost.sum(), len(scores) - lost.sum())
    assert counts.coverage == pytest.approx(1 - lost.mean())
    assert "level 1" in counts.first_unreadable[0]
    np.testing.assert_array_equal(scores[~lost], before[~lost])
    with openslide.OpenSlide(scan.out / "one" / "heatmap.tif") as file:
        alpha = np.asarray(file.read_region((0, 0), 0, file.dimensions))[..., 3]
    np.testing.assert_array_equal(alpha.ravel() == 0, lost)


def test_an_overview_that_is_damaged_does_not_hide_tissue(scan: Any, slide: Path) -> None:
    slide_files.zero_tile(slide, 2, 1)  # the level that the tissue is found on
    (outcome,) = scan(slide, tissue={})
    assert outcome.record.status == "finished"
    assert outcome.record.tiles.planned == 54
    assert outcome.record.tiles.unreadable == 0  # level 1, which the tiles are read from, is whole


def test_a_finished_scan_is_kept_until_another_is_whole(scan: Any, slide: Path) -> None:
    scan(slide)
    first = (scan.out / "one" / "tiles.parquet").read_bytes()
    assert scan(slide)[0].reused
    content = slide.read_bytes()
    slide.write_bytes(b"damaged")
    assert scan(slide)[0].record.failure is not None
    assert read_record(scan.out / "one").status == "finished"
    assert (scan.out / "one" / "tiles.parquet").read_bytes() == first
    slide.write_bytes(content)
    assert not scan(slide, threshold=0.3)[0].reused
    assert read_record(scan.out / "one").bundle.threshold == 0.3


def test_lesions_by_another_rule_are_looked_for_anew_without_scoring_again(
    scan: Any, slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (first,) = scan(slide, threshold=0.0, alone=0.0)
    folder = scan.out / "one"
    tiles = (folder / "tiles.parquet").read_bytes()
    older = json.loads((folder / "scan.json").read_text())
    older["lesion_rule"]["smoothing_um"], older["lesions"] = 7.0, []  # as another version left it
    (folder / "scan.json").write_text(json.dumps(older))
    with monkeypatch.context() as patch:
        patch.setattr(LazyEngine, "get", lambda _: pytest.fail("a tile was scored again"))
        (again,) = scan(slide, threshold=0.0, alone=0.0)
        assert scan(slide, threshold=0.0, alone=0.0)[0].reused
    assert not again.reused
    assert again.record.lesions == first.record.lesions != ()
    assert again.record.lesion_rule == first.record.lesion_rule
    assert (folder / "tiles.parquet").read_bytes() == tiles
    assert not [path for path in scan.out.iterdir() if path.suffix == ".progress"]
    (folder / "scan.json").write_text(json.dumps(older))
    (folder / "tiles.parquet").write_bytes(b"damaged")
    assert scan(slide, threshold=0.0, alone=0.0)[0].record.lesions == first.record.lesions


def test_a_folder_that_holds_something_else_is_refused(scan: Any, slide: Path) -> None:
    (scan.out / "one").mkdir(parents=True)
    (scan.out / "one" / "notes.txt").write_text("mine")
    with pytest.raises(StorageError, match="something else than a scan"):
        scan(slide)
    assert [path.name for path in (scan.out / "one").iterdir()] == ["notes.txt"]


def test_a_full_disk_stops_with_a_remedy_and_the_scan_goes_on_later(
    scan: Any, slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written = 0
    plain = ProgressFile._write

    def full(self: ProgressFile, content: bytes) -> None:
        nonlocal written
        written += 1
        if written == 4:
            self._file.write(content[:11])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        plain(self, content)

    with monkeypatch.context() as patch:
        patch.setattr(ProgressFile, "_write", full)
        with pytest.raises(StorageError, match="free some space"):
            scan(slide)
    assert not (scan.out / "one").exists()
    with ProgressFile(scan.out / ".one.progress", _key(scan), 54, 2, 8) as kept:
        assert kept.done == 16
    scan(slide)
    assert _bytes_of_a_fresh_scan(scan, slide) == (scan.out / "one" / "tiles.parquet").read_bytes()


def test_killed_at_any_moment_it_goes_on_and_ends_with_the_same_bytes(scan: Any, slide: Path, bundle: Bundle) -> None:
    words = [sys.executable, "-c", _SCANNING, str(bundle.folder), str(slide), str(scan.out)]
    progress, seen = scan.out / ".one.progress", []
    for batches in (0, 2, 5):  # killed once this many are on the disk
        with subprocess.Popen(words) as process:
            while process.poll() is None and not (progress.exists() and progress.stat().st_size >= 76 + 72 * batches):
                time.sleep(0.005)
            process.send_signal(signal.SIGKILL)
        assert process.returncode == -signal.SIGKILL
        assert not (scan.out / "one").exists()
        seen.append(progress.stat().st_size)
    assert seen == sorted(set(seen))  # each went on from where the last one was
    scan(slide)
    assert not progress.exists()
    assert _bytes_of_a_fresh_scan(scan, slide) == (scan.out / "one" / "tiles.parquet").read_bytes()


def test_what_a_kill_while_writing_left_is_removed(scan: Any, slide: Path) -> None:
    left = scan.out / ".one.0123456789ab.partial"
    left.mkdir(parents=True)
    (left / "tiles.parquet").write_bytes(b"half")
    scan(slide)
    assert sorted(path.name for path in scan.out.iterdir()) == ["one", "scans.csv"]


def test_two_processes_never_do_one_slide_twice(scan: Any, slide: Path, bundle: Bundle) -> None:
    words = [sys.executable, "-c", _SCANNING, str(bundle.folder), str(slide), str(scan.out)]
    with subprocess.Popen(words) as process:
        while process.poll() is None and not (scan.out / ".one.progress").exists():
            time.sleep(0.005)
        (outcome,) = scan(slide)  # waits for the other one, and finds its scan finished
        assert process.wait() == 0
    assert outcome.reused


def _key(scan: Any) -> str:
    return (scan.out / ".one.progress").read_bytes()[:64].decode("ascii")


def _bytes_of_a_fresh_scan(scan: Any, slide: Path) -> bytes:
    kept = scan.out / "kept"
    shutil.move(scan.out / "one", kept)
    scan(slide)
    fresh = (scan.out / "one" / "tiles.parquet").read_bytes()
    shutil.rmtree(scan.out / "one")
    shutil.move(kept, scan.out / "one")
    return fresh
