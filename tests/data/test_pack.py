"""Packing: facts about each image, resuming, two at once, a full disk."""

import json
import os
import shutil
import subprocess
import sys
from collections import namedtuple
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from helpers import layouts
from sentinode.core.errors import StorageError
from sentinode.core.images import pixel_hash
from sentinode.core.progress import Progress
from sentinode.core.result_folder import locked
from sentinode.data import decoder
from sentinode.data.address import open_source
from sentinode.data.pack import Pack
from sentinode.data.pack import pack as pack_source
from sentinode.data.source import Source

_Usage = namedtuple("_Usage", "total used free")


class Watched:
    """A source that tells which images were read, and does something before reading some."""

    def __init__(self, source: Source, before: Callable[[int], None] = lambda index: None) -> None:
        self._source = source
        self._before = before
        self.read_indices: list[int] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self._source, name)

    def read(self, index: int) -> np.ndarray:
        self._before(index)
        self.read_indices.append(index)
        return self._source.read(index)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return layouts.make_folder(tmp_path / "images", n=10, splits=[])


@pytest.fixture
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoder, "_BLOCK_BYTES", 5 * 20 * 24 * 3)


def _pack(source: Source | Watched, tmp_path: Path) -> Pack:
    return pack_source(source, tmp_path / "cache", Progress())  # type: ignore[arg-type]


def test_tiles_and_index_hold_what_the_source_reads(folder: Path, tmp_path: Path) -> None:
    source = open_source(str(folder))
    packed = _pack(source, tmp_path)
    assert packed.tiles.shape == (20, 20, 24, 3)
    assert isinstance(packed.tiles, np.memmap)
    assert not packed.tiles.flags.writeable
    for index in range(20):
        line = packed.index.loc[index]
        assert np.array_equal(packed.tiles[line["row"]], source.read(index))
        assert line["pixels"] == pixel_hash(source.read(index))
        assert (line["id"], line["status"]) == (source.records[index].id, "packed")
        assert (line["height"], line["width"]) == (20, 24)
    facts = json.loads((packed.folder / "pack.json").read_text())
    assert (facts["fingerprint"], facts["images"]) == (source.fingerprint(), 20)


def test_second_time_nothing_is_read(folder: Path, tmp_path: Path) -> None:
    first = _pack(open_source(str(folder)), tmp_path)
    watched = Watched(open_source(str(folder)))
    assert _pack(watched, tmp_path).folder == first.folder
    assert watched.read_indices == []


def test_images_that_cannot_be_used_are_facts_not_failures(folder: Path, tmp_path: Path) -> None:
    (folder / "normal" / "image0.png").write_bytes((folder / "normal" / "image0.png").read_bytes()[:-200])
    Image.new("RGB", (7, 9)).save(folder / "normal" / "image1.png")
    source = open_source(str(folder))
    (folder / "normal" / "image2.png").unlink()
    packed = _pack(source, tmp_path)
    assert packed.index["status"].tolist() == ["unreadable", "size", "missing", *["packed"] * 17]
    assert packed.index["row"].tolist() == [-1, -1, -1, *range(3, 20)]
    assert packed.index.loc[1, ["height", "width"]].tolist() == [9, 7]
    assert [(e.kind, e.id) for e in packed.exclusions] == [
        ("unreadable image", "normal/image0.png"),
        ("missing image", "normal/image2.png"),
    ]
    assert not packed.tiles[:3].any()


def test_unlabelled_images_are_not_decoded(tmp_path: Path) -> None:
    packed = _pack(open_source(str(layouts.make_kaggle(tmp_path / "k", competition_test=3))), tmp_path)
    assert packed.index["status"].tolist() == ["packed"] * 12 + ["unlabelled"] * 3
    assert len(packed.tiles) == 12


def test_the_most_common_size_wins_though_the_first_images_have_another(tmp_path: Path, folder: Path) -> None:
    for number in range(10):
        Image.new("RGB", (7, 9)).save(folder / "normal" / f"image{number}.png")
    for number in range(3):
        shutil.copy(folder / "tumour" / "image0.png", folder / "tumour" / f"copy{number}.png")
    packed = _pack(open_source(str(folder)), tmp_path)
    assert packed.tiles.shape == (23, 20, 24, 3)
    assert packed.index["status"].tolist() == ["size"] * 10 + ["packed"] * 13


def test_nothing_readable_at_all(folder: Path, tmp_path: Path) -> None:
    for image in folder.rglob("*.png"):
        image.write_bytes(b"")
    assert set(_pack(open_source(str(folder)), tmp_path).index["status"]) == {"unreadable"}


@pytest.mark.parametrize("stop_at", [9, 10, 11, 19])
def test_interrupted_it_goes_on_and_ends_the_same(
    folder: Path, tmp_path: Path, small_blocks: None, stop_at: int
) -> None:
    whole = _pack(open_source(str(folder)), tmp_path / "whole")

    def interrupt(index: int) -> None:
        if index == stop_at:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _pack(Watched(open_source(str(folder)), interrupt), tmp_path)
    assert not [path for path in (tmp_path / "cache" / "packs").iterdir() if path.suffix == ""]
    watched = Watched(open_source(str(folder)))
    resumed = _pack(watched, tmp_path)
    assert sorted(watched.read_indices) == list(range(stop_at // 5 * 5, 20))
    assert (resumed.folder / "tiles.npy").read_bytes() == (whole.folder / "tiles.npy").read_bytes()
    assert resumed.index.equals(whole.index)


@pytest.mark.parametrize("damage", ["torn journal", "tiles behind", "tiles ahead", "journal of another set", "garbage"])
def test_what_a_power_cut_leaves_is_put_right(folder: Path, tmp_path: Path, small_blocks: None, damage: str) -> None:
    whole = _pack(open_source(str(folder)), tmp_path / "whole")
    partial = tmp_path / "cache" / "packs" / f"{whole.folder.name}.partial"
    shutil.copytree(whole.folder, partial)
    tiles, journal = partial / "tiles.npy", partial / "journal.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    if damage == "torn journal":
        journal.write_bytes(b"".join(lines[:8]) + lines[8][:11])
    elif damage == "tiles behind":
        tiles.write_bytes(tiles.read_bytes()[:-5000])
    elif damage == "tiles ahead":
        journal.write_bytes(b"".join(lines[:4]))
        tiles.write_bytes(tiles.read_bytes() + b"\7" * 5000)
    elif damage == "journal of another set":
        journal.write_bytes(lines[0].replace(b"20", b"21", 1) + b"".join(lines[1:]))
    else:
        journal.write_bytes(b"\0" * 100)
    resumed = _pack(open_source(str(folder)), tmp_path)
    assert (resumed.folder / "tiles.npy").read_bytes() == (whole.folder / "tiles.npy").read_bytes()
    assert resumed.index.equals(whole.index)


def test_too_little_space_is_said_before_anything_is_decoded(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoder.shutil, "disk_usage", lambda path: _Usage(10**9, 10**9 - 1000, 1000))
    with pytest.raises(StorageError, match=r"0\.07 GB .* 0\.00 GB .*free some space"):
        _pack(open_source(str(folder)), tmp_path)


def test_disk_that_fills_up_on_the_way(
    folder: Path, tmp_path: Path, small_blocks: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync, calls = decoder.os.fsync, []

    def full(descriptor: int) -> None:
        calls.append(descriptor)
        if len(calls) == 4:
            raise OSError(28, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(decoder.os, "fsync", full)
    with pytest.raises(StorageError, match=r"no space left.*run the same command again"):
        _pack(open_source(str(folder)), tmp_path)
    monkeypatch.undo()
    packed = _pack(open_source(str(folder)), tmp_path)
    assert (packed.index["status"] == "packed").all()


_PACK_BESIDE_ANOTHER = """
import sys, time
from pathlib import Path
from sentinode.core.progress import Progress
from sentinode.data.address import open_source
from sentinode.data.pack import pack

folder, cache, me, other = map(Path, sys.argv[1:])
source = open_source(str(folder))
reads = []
original = type(source).read
type(source).read = lambda self, index: (reads.append(index), time.sleep(0.01), original(self, index))[2]
me.touch()
while not other.exists():
    time.sleep(0.005)
pack(source, cache, Progress())
print(len(reads))
"""


def test_two_processes_at_once_do_the_work_once(folder: Path, tmp_path: Path) -> None:
    marks = [tmp_path / "one", tmp_path / "two"]
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", _PACK_BESIDE_ANOTHER, folder, tmp_path / "cache", *order], stdout=subprocess.PIPE
        )
        for order in (marks, marks[::-1])
    ]
    counts = sorted(int(process.communicate(timeout=120)[0]) for process in processes)
    assert [process.returncode for process in processes] == [0, 0]
    assert counts == [0, 29]  # nine of the twenty are read twice, to find the size


def test_what_was_begun_of_data_that_has_changed_is_removed_in_time(folder: Path, tmp_path: Path) -> None:
    packs = tmp_path / "cache" / "packs"
    old, young, held = (packs / f"{name}-1.partial" for name in ("old", "young", "held"))
    for partial in (old, young, held):
        partial.mkdir(parents=True)
        (partial / "tiles.npy").write_bytes(b"some")
    for partial in (old, held):
        for path in (partial / "tiles.npy", partial):
            os.utime(path, (1e9, 1e9))
    with locked(packs / "held-1.lock"):  # as whoever writes it does
        packed = _pack(open_source(str(folder)), tmp_path)
    assert {path for path in packs.iterdir() if path.is_dir()} == {packed.folder, young, held}
