"""Slides kept open while tiles are read from them, a few at a time, by any number of threads."""

from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from threading import Lock

from sentinode.slides.slide import Slide

_OPEN = 2  # tiles are read slide by slide; at the border between two, threads need both


class OpenSlides:
    """Slides that are open. One that a thread is reading is never closed under it."""

    def __init__(self, open_named: Callable[[str], Slide]) -> None:
        """`open_named` opens a slide by its name; called by one thread at a time."""
        self._open_named = open_named
        self._lock = Lock()
        self._slides: OrderedDict[str, Slide] = OrderedDict()
        self._readers: dict[str, int] = {}

    @contextmanager
    def lease(self, name: str) -> Iterator[Slide]:
        """The slide of this name, opened if it is not, and open at least until the end of the block.

        Raises:
            SlideError: It can't be opened.
        """
        with self._lock:
            slide = self._slides.get(name)
            if slide is None:
                slide = self._slides[name] = self._open_named(name)
            self._slides.move_to_end(name)
            self._readers[name] = self._readers.get(name, 0) + 1
            self._close_idle()
        try:
            yield slide
        finally:
            with self._lock:
                self._readers[name] -= 1

    def close(self) -> None:
        """Close all; nobody may be reading."""
        with self._lock:
            while self._slides:
                self._slides.popitem()[1].close()

    def _close_idle(self) -> None:
        for name in list(self._slides)[:-_OPEN]:
            if not self._readers.get(name):
                self._slides.pop(name).close()

    def __del__(self) -> None:
        self.close()
