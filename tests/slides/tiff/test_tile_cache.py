"""The cache of decoded tiles: its bound, its order, and that a tile is decoded once however many threads ask."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from sentinode.slides.reader import Pixels
from sentinode.slides.tiff.tile_cache import TileCache

TILE_BYTES = 4 * 5 * 3


def _tile(value: int) -> Callable[[], Pixels]:
    return lambda: np.full((4, 5, 3), value, np.uint8)


def _unexpected() -> Pixels:
    raise AssertionError("decoded again")


def test_keeps_the_tiles_used_last() -> None:
    cache = TileCache(3 * TILE_BYTES)
    for key in range(3):
        cache.get(key, _tile(key))
    cache.get(0, _unexpected)
    cache.get(3, _tile(3))  # 1 goes: it was not used for longest
    assert cache.held_bytes == 3 * TILE_BYTES
    assert [cache.get(key, _unexpected)[0, 0, 0] for key in (0, 2, 3)] == [0, 2, 3]
    assert cache.get(1, _tile(9))[0, 0, 0] == 9


def test_a_tile_larger_than_the_cache_is_not_kept() -> None:
    cache = TileCache(TILE_BYTES - 1)
    assert cache.get("a", _tile(1))[0, 0, 0] == 1
    assert cache.held_bytes == 0


def test_one_decoding_serves_all_threads_that_ask() -> None:
    cache, calls, others_wait = TileCache(1000), [], threading.Barrier(5, timeout=10)

    def slowly() -> Pixels:
        calls.append(threading.get_ident())
        started.set()
        assert released.wait(10)
        return _tile(6)()

    started, released = threading.Event(), threading.Event()

    def ask() -> Pixels:
        others_wait.wait()
        return cache.get("a", slowly)

    with ThreadPoolExecutor(4) as pool:
        asked = [pool.submit(ask) for _ in range(4)]
        others_wait.wait()
        assert started.wait(10)
        released.set()
        tiles = [future.result(10) for future in asked]
    assert len(calls) == 1
    assert all(tile is tiles[0] for tile in tiles)


def test_an_error_reaches_those_who_wait_and_is_not_kept() -> None:
    cache, started, released = TileCache(1000), threading.Event(), threading.Event()

    def failing() -> Pixels:
        started.set()
        assert released.wait(10)
        raise OSError("torn tape")

    with ThreadPoolExecutor(2) as pool:
        first = pool.submit(cache.get, "a", failing)
        assert started.wait(10)
        second = pool.submit(cache.get, "a", failing)
        released.set()
        for future in (first, second):
            with pytest.raises(OSError, match="torn tape"):
                future.result(10)
    assert cache.get("a", _tile(3))[0, 0, 0] == 3


def test_clearing_forgets() -> None:
    cache = TileCache(1000)
    cache.get("a", _tile(1))
    cache.clear()
    assert cache.held_bytes == 0
    assert cache.get("a", _tile(2))[0, 0, 0] == 2


def test_the_memory_of_a_tile_that_went_is_used_again_unless_somebody_holds_it() -> None:
    cache = TileCache(TILE_BYTES)
    shape = (TILE_BYTES // 3, 1, 3)
    places, held = [], None
    for number in range(4):
        tile = cache.get(number, lambda: cache.room(shape))
        places.append(tile.ctypes.data)
        if number == 1:
            held = tile[:1]
            held[...] = 7
        tile = None
    assert places[2] == places[0]
    assert places[3] not in places[1:2]
    assert held is not None
    cache.room(shape)[...] = 9
    assert (held == 7).all()
