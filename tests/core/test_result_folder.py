"""Whose folder is it, and who works in it."""

import subprocess
import sys
from pathlib import Path

import pytest

from sentinode.core.errors import BusyError, StorageError
from sentinode.core.result_folder import ResultKind, check_empty, is_empty, locked

BUNDLE = ResultKind("a bundle", ("bundle.json",))
TILES = ResultKind("tiles", ("tiles.json", "tiles.parquet"), nothing_else=True)


def test_what_is_not_there_or_empty_is_anybodys(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "none"):
        assert is_empty(place)
        check_empty(place)
        BUNDLE.check(place)
        TILES.check(place)
        assert not BUNDLE.holds(place)


def test_a_result_of_the_kind_may_be_replaced(tmp_path: Path) -> None:
    (tmp_path / "bundle.json").touch()
    (tmp_path / "anything").touch()
    assert BUNDLE.holds(tmp_path)
    BUNDLE.check(tmp_path)
    with pytest.raises(StorageError, match=rf"{tmp_path} .*tiles; choose another --out"):
        TILES.check(tmp_path)
    with pytest.raises(StorageError, match=rf"{tmp_path}.*; choose another --out"):
        check_empty(tmp_path)


def test_a_kind_that_shares_its_folder_with_nothing_refuses_a_stranger_beside_it(tmp_path: Path) -> None:
    (tmp_path / "tiles.json").touch()
    TILES.check(tmp_path)
    (tmp_path / "notes.txt").touch()
    with pytest.raises(StorageError, match="something else than tiles"):
        TILES.check(tmp_path)


@pytest.mark.parametrize("kind", [BUNDLE, TILES])
def test_a_file_is_no_folder_of_results(kind: ResultKind, tmp_path: Path) -> None:
    file = tmp_path / "bundle.json"
    file.touch()
    with pytest.raises(StorageError, match="holds something else"):
        kind.check(file)


def test_a_lock_is_held_by_one(tmp_path: Path) -> None:
    place = tmp_path / "new" / "lock"
    with (
        locked(place, "is training"),
        pytest.raises(BusyError, match=r"training.*wait"),
        locked(place, "is training"),
    ):
        pass
    with locked(place):
        pass
    assert list(place.parent.iterdir()) == []


def test_the_lock_of_a_killed_holder_is_free(tmp_path: Path) -> None:
    code = (
        "import os, sys; from pathlib import Path; from sentinode.core.result_folder import locked\n"
        "with locked(Path(sys.argv[1])): os._exit(1)"
    )
    assert subprocess.run([sys.executable, "-c", code, str(tmp_path / "lock")], check=False).returncode == 1
    assert (tmp_path / "lock").exists()
    with locked(tmp_path / "lock"):
        pass
    assert not (tmp_path / "lock").exists()
