"""A cache of decoded tiles, bounded in bytes, that several threads share without decoding a tile twice."""

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import Future

from sentinode.slides.reader import Pixels


class TileCache:
    """The tiles used last, up to a number of bytes; the one that was not used for longest goes first."""

    def __init__(self, most_bytes: int) -> None:
        """Keep at most `most_bytes` of decoded tiles (beside those that are being decoded or copied)."""
        self.most_bytes = most_bytes
        self.held_bytes = 0
        self._kept: OrderedDict[Hashable, Pixels] = OrderedDict()
        self._coming: dict[Hashable, list[Future[Pixels]]] = {}
        """Tiles that are being decoded → the threads that wait for them; mostly none, and a Future costs time."""
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

    def clear(self) -> None:
        """Forget every tile."""
        with self._lock:
            self._kept.clear()
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
            self.held_bytes -= self._kept.popitem(last=False)[1].nbytes
