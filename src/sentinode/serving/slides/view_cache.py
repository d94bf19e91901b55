"""What was rendered, kept in its encoded form up to a number of bytes."""

import threading
from collections import OrderedDict
from collections.abc import Callable


class ViewCache:
    """The pieces used last; the one that was not used for longest goes first. Shared by threads."""

    def __init__(self, most_bytes: int) -> None:
        self._most, self._held = most_bytes, 0
        self._kept: OrderedDict[str, bytes] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def held_bytes(self) -> int:
        """Bytes that are kept now."""
        return self._held

    def find(self, key: str) -> bytes | None:
        """What is kept under `key`."""
        with self._lock:
            found = self._kept.get(key)
            if found is not None:
                self._kept.move_to_end(key)
            return found

    def get(self, key: str, render: Callable[[], bytes]) -> bytes:
        """What is kept under `key`, or else what `render` makes."""
        found = self.find(key)
        if found is None:
            found = render()
            with self._lock:
                if key not in self._kept and len(found) <= self._most:
                    self._kept[key] = found
                    self._held += len(found)
                    while self._held > self._most:
                        self._held -= len(self._kept.popitem(last=False)[1])
        return found

    def forget(self, start: str) -> None:
        """Let go of all whose key begins so."""
        with self._lock:
            for key in [key for key in self._kept if key.startswith(start)]:
                self._held -= len(self._kept.pop(key))
