"""Every fault of a slide, its name and its place: what the command says, and that the cohort goes on."""

import csv
import errno
import fcntl
import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from helpers import slide_files
from sentinode.cli.main import main
from sentinode.core.csv_output import unescape_cell
from sentinode.core.errors import StorageError
from sentinode.models.bundle import Bundle
from sentinode.models.engines.engine import Engine
from sentinode.scanning.scan_folder import read_record, scans_in
from sentinode.scanning.tiles_file import read_scanned_tiles


@dataclass(frozen=True)
class Said:
    """How a command ended."""

    status: int
    out: str
    err: str


@pytest.fixture
def command(bundle: Bundle, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Callable[..., Said]:
    """`sentinode scan` with the small bundle, into `tmp_path`/scans."""

    def run(*words: object, out: Path = tmp_path / "scans") -> Said:
        options = ("--out", out, "--no-tissue", "--batch", 8, "--threads", 1, "--engine", "openvino", "--quiet")
        capfd.readouterr()
        with pytest.raises(SystemExit) as ended:
            main(["scan", *map(str, (bundle.folder, *options, *words))])
        printed = capfd.readouterr()
        assert isinstance(ended.value.code, int)
        return Said(ended.value.code, printed.out, printed.err)

    return run


def _table(out: Path) -> dict[str, dict[str, str]]:
    with (out / "scans.csv").open(encoding="utf-8", newline="") as file:
        return {unescape_cell(row["slide"]): row for row in csv.DictReader(file)}


def test_slides_that_can_not_be_scanned_are_a_table_at_the_end(
    command: Callable[..., Said], slide: Path, tmp_path: Path
) -> None:
    folder, content = slide.parent, slide.read_bytes()
    cuts = {"cut-header": 6, "cut-directory": len(content) // 20, "cut-half": len(content) // 2}
    for name, size in (cuts | {"cut-end": len(content) - 30}).items():
        (folder / f"{name}.tif").write_bytes(content[:size])
    for suffix in ("svs", "tif", "ndpi", "mrxs"):
        (folder / f"junk-{suffix}.{suffix}").write_bytes(b"no slide at all " * 40)
    (folder / "empty.svs").touch()
    (folder / "gone.svs").symlink_to(folder / "moved.svs")
    os.mkfifo(folder / "pipe.svs")
    (folder / "folder.svs").mkdir()  # below a folder is not looked
    (folder / "._one.tif").write_bytes(b"\0\5\x16\7")  # what macOS leaves beside a copy
    slide_files.write_tiff(folder / "unsized.tif", [slide_files.picture(200, 150)], resolution=None, unit="NONE")
    slide_files.write_tiff(folder / "coarse.tif", [slide_files.picture(200, 150)], resolution=(2500.0, 2500.0))
    said = command(folder)
    assert said.status == 1
    assert "1 of 14 slides scanned" in said.out
    expected = {
        "coarse": ("planning", "4 µm/px at its finest, which is coarser than the 0.972 µm/px asked for; scan it at a"),
        "cut-directory": ("opening", "copy the file again"),
        "cut-end": ("opening", "of its tiles should lie behind that; copy the file again"),
        "cut-half": ("opening", "copy the file again"),
        "cut-header": ("opening", "check that it is a whole slide file"),
        "empty": ("opening", "is empty; copy the file again"),
        "gone": ("opening", "no file, or a link that leads nowhere; check the file"),
        "junk-mrxs": ("opening", "check that it is a whole slide file"),
        "junk-ndpi": ("opening", "check that it is a whole slide file"),
        "junk-svs": ("opening", "check that it is a whole slide file"),
        "junk-tif": ("opening", "check that it is a whole slide file"),
        "pipe": ("opening", "no file, or a link that leads nowhere; check the file"),
        "unsized": ("planning", "does not say its µm/px; give it, for example --mpp 0.25"),
    }
    head, *rows = said.err.splitlines()
    assert head.split() == ["not", "scanned", "while", "why"]
    assert [row.split(maxsplit=2)[:2] for row in rows] == [[name, stage] for name, (stage, _) in expected.items()]
    for row, (name, (stage, words)) in zip(rows, expected.items(), strict=True):
        assert words in row
        failure = read_record(tmp_path / "scans" / name).failure
        assert failure is not None
        assert failure.stage == stage
    assert _table(tmp_path / "scans")["one"]["status"] == "finished"


def test_a_slide_that_may_not_be_read(scan: Any, slide: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    secret, plain = slide.with_name("secret.tif"), Path.open
    secret.write_bytes(slide.read_bytes())

    def guarded(self: Path, *arguments: Any, **options: Any) -> Any:  # chmod does not stop root
        if self == secret:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(self))
        return plain(self, *arguments, **options)

    monkeypatch.setattr(Path, "open", guarded)
    kept, other = scan(secret, slide)
    assert kept.record.failure.message == f"{secret} can't be read: Permission denied; check the file"
    assert other.record.failure is None


@pytest.mark.parametrize("name", ["with space", "ünï 組織", "-dash", "qu\"o'te$\\x$", "new\nline", "a[1]", "a.b"])
def test_a_slide_may_have_any_name(
    command: Callable[..., Said], slide: Path, tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    slide.rename(slide.with_name(f"{name}.tif"))
    left = tmp_path / "scans" / f".{name}.0123456789ab.partial"
    left.mkdir(parents=True)  # of a scan that was killed
    said = command(slide.parent)
    assert (said.status, said.err) == (0, "")
    first, *_ = said.out.splitlines()
    assert first.startswith(" ".join(name.split()) + ": score ")
    assert sorted(path.name for path in (tmp_path / "scans").iterdir()) == sorted([name, "scans.csv"])
    assert _table(tmp_path / "scans")[name]["tiles"] == "54"
    assert [found.path.name for found in scans_in(tmp_path / "scans")] == [name]
    monkeypatch.chdir(slide.parent)
    assert "finished before" in command(f"./{name}.tif").out


def test_names_that_no_result_can_have_are_refused_before_anything_is_done(
    command: Callable[..., Said], slide: Path, tmp_path: Path
) -> None:
    long = "n" * 240
    latin = os.fsdecode(b"lat\xfcn.tif")
    for name, words in ((".tif", "hidden"), ("..tif", "hidden"), (f"{long}.tif", "rename"), (latin, "not UTF-8")):
        try:
            slide.with_name(name).write_bytes(slide.read_bytes())
        except OSError:  # a file system that has no such names
            continue
        said = command(slide, slide.with_name(name))
        assert said.status == 2
        assert len(said.err.splitlines()) == 1
        assert words in said.err
        assert not (tmp_path / "scans").exists()


def test_two_slides_of_one_name_and_a_link_to_nowhere_are_refused(
    command: Callable[..., Said], slide: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other" / "one.svs"
    other.parent.mkdir()
    other.write_bytes(slide.read_bytes())
    said = command(slide, other)
    assert (said.status, len(said.err.splitlines())) == (2, 1)
    assert f"{slide} and {other} have the same name; rename one" in said.err
    slide.with_name("link.tif").symlink_to("moved.tif")
    said = command(slide, slide.with_name("link.tif"))
    assert said.status == 2
    assert "a link to moved.tif, which is not there; check the path" in said.err
    assert not (tmp_path / "scans").exists()


def test_what_another_slide_left_is_not_touched(scan: Any, slide: Path) -> None:
    # of "one.b", which another process may be writing just now
    others = scan.out / ".one.b.0123456789ab.partial"
    others.mkdir(parents=True)
    scan(slide)
    assert others.is_dir()


@pytest.mark.parametrize("place", ["a-file", "a-file/below"])
def test_a_file_in_place_of_the_folder(command: Callable[..., Said], slide: Path, tmp_path: Path, place: str) -> None:
    (tmp_path / "a-file").write_text("mine")
    said = command(slide, out=tmp_path / place)
    assert (said.status, len(said.err.splitlines())) == (2, 1)
    assert "choose another" in said.err
    assert (tmp_path / "a-file").read_text() == "mine"


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.EACCES, "may write to"), (errno.EROFS, "may write to"), (errno.EIO, "run the same command again")],
)
def test_a_folder_that_can_not_be_written(
    command: Callable[..., Said], slide: Path, monkeypatch: pytest.MonkeyPatch, number: int, remedy: str
) -> None:
    def refuse(self: Path, *_arguments: Any, **_options: Any) -> None:
        raise OSError(number, os.strerror(number), str(self))

    monkeypatch.setattr(Path, "mkdir", refuse)
    said = command(slide)
    assert (said.status, len(said.err.splitlines())) == (2, 1)
    assert remedy in said.err


def test_a_disk_without_locks(scan: Any, slide: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_arguments: Any) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", refuse)
    with pytest.raises(StorageError, match=r"can't be locked: .*; choose a folder on a disk that has locks"):
        scan(slide)


def test_scans_beside_the_slides(command: Callable[..., Said], slide: Path) -> None:
    before = slide.read_bytes()
    assert command(slide.parent, out=slide.parent).status == 0
    assert sorted(path.name for path in slide.parent.iterdir()) == ["one", "one.tif", "scans.csv"]
    assert slide.read_bytes() == before
    assert "finished before" in command(slide.parent, out=slide.parent).out
    bare = slide.rename(slide.with_name("bare"))  # a scan would take the place of its slide
    said = command(bare, out=slide.parent)
    assert said.status == 2
    assert "holds something else than a scan; choose another --out" in said.err
    assert bare.read_bytes() == before


def test_a_slide_that_is_gone_before_its_turn_and_one_while_it_is_scanned(
    scan: Any, slide: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    second, predict = slide.with_name("two.tif"), Engine.predict
    second.write_bytes(slide.read_bytes())

    def deleting(self: Engine, tiles: Any) -> Any:
        slide.unlink(missing_ok=True)
        second.unlink(missing_ok=True)
        return predict(self, tiles)

    monkeypatch.setattr(Engine, "predict", deleting)
    first, other = scan(slide, second)
    assert first.record.status == "finished"  # the open file stays whole
    assert first.record.tiles.unreadable == 0
    assert other.record.failure.stage == "opening"
    assert "check the file" in other.record.failure.message


def test_a_slide_that_was_replaced_is_scanned_again(scan: Any, slide: Path) -> None:
    scan(slide)
    before = read_scanned_tiles(scan.out / "one").scores
    slide_files.write_tiff(slide, slide_files.pyramid(255 - slide_files.picture(), 3), compression="jpeg")
    (outcome,) = scan(slide)
    assert not outcome.reused
    assert np.abs(read_scanned_tiles(scan.out / "one").scores - before).max() > 0.001


@pytest.mark.parametrize("reader", ["tiff", "openslide"])
def test_zeroed_tiles_are_left_out_by_both_readers(scan: Any, slide: Path, reader: str) -> None:
    for tile in (5, 9):
        slide_files.zero_tile(slide, 1, tile, skip=0, count=600)
    (outcome,) = scan(slide, reader=reader)
    tiles = read_scanned_tiles(scan.out / "one")
    lost = np.isnan(tiles.scores).all(axis=1)
    # A tile of 30 px at 0.972 is 29.16 px of level 1, and so 58.3 of level 0; file tiles of level 1 are 64×48 px.
    left, top = tiles.x0 / 2, tiles.y0 / 2
    touched = np.zeros(len(left), bool)
    for column, row in ((1, 1), (1, 2)):  # 4 tiles to a row: numbers 5 and 9
        inside_x = (left < 64 * column + 64) & (left + 29.16 > 64 * column)
        touched |= inside_x & (top < 48 * row + 48) & (top + 29.16 > 48 * row)
    np.testing.assert_array_equal(lost, touched)
    assert outcome.record.tiles.unreadable == lost.sum()
    assert len(outcome.record.tiles.first_unreadable) == 5
    assert all("level 1" in message for message in outcome.record.tiles.first_unreadable)


def test_a_slide_of_which_nothing_can_be_read_has_failed_and_is_tried_again(scan: Any, slide: Path) -> None:
    content = slide.read_bytes()
    for tile in range(16):
        slide_files.zero_tile(slide, 1, tile, skip=0, count=600)
    (outcome,) = scan(slide)
    assert outcome.record.failure.stage == "reading"
    assert "none of its 54 tiles can be read; the first: " in outcome.record.failure.message
    assert [path.name for path in scan.out.iterdir() if path.name.startswith(".")] == []
    slide.write_bytes(content)
    assert scan(slide)[0].record.status == "finished"


def test_a_bundle_for_another_scale_and_a_region_elsewhere(command: Callable[..., Said], slide: Path) -> None:
    said = command(slide, "--mpp", 1.2)
    assert said.status == 1
    assert "coarser than the 0.972 µm/px" in said.err
    said = command(slide, "--region", "90000,0,50,50")
    assert said.status == 1
    assert "472 × 328; give a region" in said.err
