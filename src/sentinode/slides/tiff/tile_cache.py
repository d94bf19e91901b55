"""A cache of decoded tiles, bounded in bytes, that several threads share without decoding a tile twice."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future

import numpy as np

from sentinode.slides.buffers import held_by_the_list_alone
from sentinode.slides.reader import Pixels

_MOST_GONE = 8
"""One for each of the threads that decode at a time, on most machines."""


class TileCache:
    """The tiles used last, up to a number of bytes; the one that was not used for longest goes first."""

    def __init__(self, most_bytes: int) -> None:
        """Keep at most `most_bytes` of decoded tiles (beside those that are being decoded or copied)."""
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self._kept: OrderedDict[Hashable, Pixels] = OrderedDict()
        self._coming: dict[Hashable, list[Future[Pixels]]] = {}
        """Tiles that are being decoded → the threads that wait for them; mostly none, and a Future costs time."""
        self._gone: list[Pixels] = []
        """Tiles that went and that nobody holds: new memory for each tile costs page faults (see `Buffers`)."""
        self._lock = threading.Lock()

    def get(self, key: Hashable, decode: Callable[[], Pixels]) -> Pixels:
        """The tile `key`: kept, or made by `decode`, which runs outside the lock and once however many threads ask.

        An exception of `decode` reaches every thread that waits for the tile, and nothing is kept.
        """
        with self._lock:
            tile = self._kept.get(key)
            if tile is not None:
                self._kept.move_to_end(key)
                return tile
            waiting = self._coming.get(key)
            if waiting is None:
                self._coming[key] = []
            else:
                mine: Future[Pixels] = Future()
                waiting.append(mine)
        return self._decoded(key, decode) if waiting is None else mine.result()

    def room(self, shape: tuple[int, ...]) -> Pixels:
        """An array uint8 of `shape` to decode a tile into: that of a tile which went, where there is one."""
        with self._lock:
            if self._gone and self._gone[-1].shape == shape:
                return self._gone.pop()
        return np.empty(shape, np.uint8)

    def clear(self) -> None:
        """Forget every tile."""
        with self._lock:
            self._kept.clear()
            self._gone.clear()
            self.held_bytes = 0

    def _decoded(self, key: Hashable, decode: Callable[[], Pixels]) -> Pixels:
        try:
            tile = decode()
        except BaseException as error:
            with self._lock:
                waiting = self._coming.pop(key)
            for other in waiting:
                other.set_exception(error)
            raise
        with self._lock:
            self._keep(key, tile)
            waiting = self._coming.pop(key)
        for other in waiting:
            other.set_result(tile)
        return tile

    def _keep(self, key: Hashable, tile: Pixels) -> None:
        if tile.nbytes > self.most_bytes:
            return
        self._kept[key] = tile
        self.held_bytes += tile.nbytes
        while self.held_bytes > self.most_bytes:
            self._gone.append(self._kept.popitem(last=False)[1])
            self.held_bytes -= self._gone[-1].nbytes
            reusable = self._gone[-1].flags.owndata and held_by_the_list_alone(self._gone, -1)
            if not reusable or len(self._gone) > _MOST_GONE:
                self._gone.pop()
