"""Files that are whole or not there, and hashes."""

import errno
import hashlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinode.core.errors import StorageError
from sentinode.core.files import (
    atomic_file,
    atomic_folder,
    sha256_of_file,
    sha256_of_json,
    storage_errors,
    write_json,
    write_text,
)

_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=10,
)


def test_file_appears_only_when_it_is_whole(tmp_path: Path) -> None:
    path = tmp_path / "new" / "file.txt"
    with atomic_file(path) as temporary:
        temporary.write_text("whole")
        assert not path.exists()
        assert temporary.parent == path.parent
    assert path.read_text() == "whole"
    assert list(path.parent.iterdir()) == [path]


@pytest.mark.parametrize("failure", [RuntimeError, KeyboardInterrupt])
def test_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path, failure: type[BaseException]) -> None:
    path = tmp_path / "file.txt"
    path.write_text("old")
    with pytest.raises(failure), atomic_file(path) as temporary:  # noqa: PT012
        temporary.write_text("half")
        raise failure
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_folder_replaces_the_old_one_as_a_whole(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    for name in ("old", "new"):
        with atomic_folder(path) as temporary:
            (temporary / "inner").mkdir()
            (temporary / "inner" / name).write_text(name)
    assert [file.name for file in path.rglob("*") if file.is_file()] == ["new"]
    assert list(tmp_path.iterdir()) == [path]


def test_folder_in_place_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("a file")
    with atomic_folder(tmp_path / "x") as temporary:
        (temporary / "a").write_text("a")
    assert (tmp_path / "x" / "a").read_text() == "a"


def test_failure_leaves_the_old_folder_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    path.mkdir()
    (path / "old").write_text("old")
    with pytest.raises(RuntimeError), atomic_folder(path) as temporary:  # noqa: PT012
        (temporary / "half").write_text("half")
        raise RuntimeError
    assert [file.name for file in tmp_path.rglob("*")] == ["folder", "old"]


@pytest.mark.parametrize(
    ("number", "remedy"),
    [(errno.ENOSPC, "free some space"), (errno.EDQUOT, "free some space"), (errno.EROFS, "choose a folder")],
)
def test_full_disk_and_forbidden_place_give_the_path_and_the_remedy(tmp_path: Path, number: int, remedy: str) -> None:
    with pytest.raises(StorageError, match=f"{tmp_path}.*{remedy}") as caught, storage_errors(tmp_path):
        raise OSError(number, "no")
    assert caught.value.errno == number


def test_other_errors_pass_and_a_storage_error_keeps_its_message(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), storage_errors(tmp_path):
        raise FileNotFoundError(errno.ENOENT, "no")
    with pytest.raises(StorageError, match="set SENTINODE_CACHE"), storage_errors(tmp_path):
        raise StorageError(errno.ENOSPC, "the disk is full; set SENTINODE_CACHE")


def test_text_and_json_are_utf8(tmp_path: Path) -> None:
    write_text(tmp_path / "a.txt", "0.25 µm ≥ 1\n")
    assert (tmp_path / "a.txt").read_bytes() == "0.25 µm ≥ 1\n".encode()
    write_json(tmp_path / "a.json", {"unit": "µm"})
    assert json.loads((tmp_path / "a.json").read_text(encoding="utf-8")) == {"unit": "µm"}
    assert "µm" in (tmp_path / "a.json").read_text(encoding="utf-8")


@pytest.mark.parametrize("value", [float("nan"), float("inf")])
def test_json_refuses_what_it_can_not_say(tmp_path: Path, value: float) -> None:
    with pytest.raises(ValueError, match="JSON"):
        write_json(tmp_path / "a.json", {"auc": value})
    assert list(tmp_path.iterdir()) == []


def test_hash_of_a_file_longer_than_one_piece(tmp_path: Path) -> None:
    content = bytes(range(256)) * 5000
    (tmp_path / "a").write_bytes(content)
    assert sha256_of_file(tmp_path / "a") == hashlib.sha256(content).hexdigest()


@given(st.dictionaries(st.text(), _JSON, min_size=2, max_size=4))
def test_hash_of_json_does_not_depend_on_the_order_of_keys(value: dict[str, object]) -> None:
    backwards = dict(reversed(value.items()))
    assert sha256_of_json(value) == sha256_of_json(backwards) == sha256_of_json(json.loads(json.dumps(value)))


@given(_JSON, _JSON)
def test_hash_of_json_tells_values_apart(one: object, other: object) -> None:
    assert (sha256_of_json(one) == sha256_of_json(other)) == (
        json.dumps(one, sort_keys=True) == json.dumps(other, sort_keys=True)
    )


def test_of_folders_that_replace_none_the_first_stays(tmp_path: Path) -> None:
    def make(content: str) -> None:
        with atomic_folder(tmp_path / "made", replace=False) as folder:
            (folder / "file").write_text(content)

    (tmp_path / "made").mkdir()
    make("first")  # takes an empty folder's place
    with pytest.raises(StorageError, match="holds something already") as caught:
        make("second")
    assert caught.value.errno == errno.EEXIST
    assert (tmp_path / "made" / "file").read_text() == "first"
    assert [path.name for path in tmp_path.iterdir()] == ["made"]


def test_a_folder_in_the_place_of_a_file_is_named(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    with pytest.raises(StorageError, match="it is a folder; give the name of a file"):
        write_text(tmp_path / "there", "words")
    assert [path.name for path in tmp_path.iterdir()] == ["there"]
