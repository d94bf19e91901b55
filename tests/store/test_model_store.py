"""The registry's tables: rows that are only added, and races that one wins."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from sentinode.store.database import open_store
from sentinode.store.model_store import OvertakenError

A, B, C = ("a" * 64, "b" * 64, "c" * 64)


def _move(store, was, to, **columns):
    store.models.move("promote", "pcam", "champion", was=was, to=to, user_name="u", reason="", **columns)


def test_everything_kept_comes_back_and_the_last_row_counts(url):
    store = open_store(url)
    for sha256 in (A, B):
        store.models.add("pcam", sha256, f"/{sha256}", "u", "µ")
    store.models.add("pcam", A, "/elsewhere", "u", "")
    assert store.models.target("pcam", "champion") is None
    _move(store, None, A)
    _move(store, A, B, forced=True, gate={"passed": False})
    store.models.add_gate("pcam", "champion", A, B, "u", {"passed": False})
    store.models.add_gate("pcam", "champion", A, B, "u", {"passed": True})
    store.close()
    store = open_store(url)
    assert {row.sha256: row.folder for row in store.models.versions("pcam")} == {A: "/elsewhere", B: f"/{B}"}
    assert store.models.versions("other") == []
    assert store.models.target("pcam", "champion") == B
    last = store.models.log("pcam", "champion")[-1]
    assert (last.number, last.from_sha256, last.to_sha256, last.forced, last.gate) == (2, A, B, True, {"passed": False})
    assert store.models.gate("pcam", "champion", A, B).report == {"passed": True}
    assert store.models.gate("pcam", "champion", None, B) is None
    assert len(store.models.log()) == 5
    assert store.models.log(until="2000") == []
    store.close()


def test_an_alias_that_points_elsewhere_by_now_is_not_moved(url):
    store = open_store(url)
    for sha256 in (A, B, C):
        store.models.add("pcam", sha256, "/", "u", "")
    _move(store, None, A)
    for was in (None, B):
        with pytest.raises(OvertakenError):
            _move(store, was, C)
    with pytest.raises(OvertakenError):
        store.models.retire("pcam", A, "u", "")
    store.models.retire("pcam", B, "u", "")
    with pytest.raises(OvertakenError):
        _move(store, A, B)
    store.models.add("pcam", B, "/", "u", "")
    _move(store, A, B)
    store.close()


def test_of_many_that_move_it_at_once_each_moves_it_from_where_it_was(url):
    stores = [open_store(url) for _ in range(2)]
    for sha256 in (A, B):
        stores[0].models.add("pcam", sha256, "/", "u", "")

    def move(number):
        models = stores[number % 2].models
        was = models.target("pcam", "champion")
        try:
            _move(stores[number % 2], was, B if was == A else A)
        except OvertakenError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        moved = sum(pool.map(move, range(40)))
    rows = stores[0].models.log("pcam", "champion")
    assert len(rows) == moved > 0
    assert [row.number for row in rows] == list(range(1, moved + 1))
    assert [row.from_sha256 for row in rows] == [None, *(row.to_sha256 for row in rows[:-1])]
    for store in stores:
        store.close()


def test_a_version_that_two_add_at_once_is_there_once(url):
    stores = [open_store(url) for _ in range(2)]

    def add(number):
        try:
            stores[number % 2].models.add("pcam", A, "/", "u", "")
        except OvertakenError:
            return 0
        return 1

    with ThreadPoolExecutor(8) as pool:
        added = sum(pool.map(add, range(16)))
    assert len(stores[0].models.versions()) == 1
    assert len(stores[0].models.log()) == added > 0
    for store in stores:
        store.close()
