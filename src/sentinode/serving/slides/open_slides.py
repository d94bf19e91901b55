"""A few slides that are kept open, up to a number and to the memory that they hold."""

import ctypes
from collections import OrderedDict
from collections.abc import Callable
from functools import cache
from pathlib import Path

from sentinode.slides.reader import ReaderFacts
from sentinode.slides.slide import Slide, open_slide

_IMAGE = "image"
"""The reader that holds all of its pixels."""


class OpenSlides:
    """The slides used last, for one thread. One that is larger than what all may hold is kept alone."""

    def __init__(self, most: int, cache_bytes: int) -> None:
        """Keep at most `most` slides with `cache_bytes` of decoded tiles each, and no more memory than these."""
        self._most, self._cache_bytes = most, cache_bytes
        self._open: OrderedDict[tuple[str, str], Slide] = OrderedDict()

    def get(self, path: str, version: str) -> Slide:
        """The slide at `path`; opened again where its `version` is another one.

        Raises:
            SlideError: No reader opens it.
            MissingExtraError: The `scan` extra is not installed.
        """
        key = path, version
        slide = self._open.get(key)
        if slide is None:
            self.forget(path)
            self._shrink(self._most - 1, self._most * self._cache_bytes - self._cache_bytes)
            slide = open_slide(Path(path), cache_bytes=self._cache_bytes)
            self._open[key] = slide
            self._shrink(self._most, self._most * self._cache_bytes)
        self._open.move_to_end(key)
        return slide

    def forget(self, path: str | None = None) -> None:
        """Close the slide at `path`; None: every slide."""
        for key in [key for key in self._open if path in (None, key[0])]:
            _close(self._open.pop(key))

    def _shrink(self, most: int, most_bytes: int) -> None:
        # The newest stays, whatever it holds.
        while len(self._open) > most or (len(self._open) > 1 and self._held() > most_bytes):
            _close(self._open.popitem(last=False)[1])

    def _held(self) -> int:
        return sum(_held_by(slide.facts, self._cache_bytes) for slide in self._open.values())


def _held_by(facts: ReaderFacts, cache_bytes: int) -> int:
    return 3 * facts.levels[0].width * facts.levels[0].height if facts.reader == _IMAGE else cache_bytes


def _close(slide: Slide) -> None:
    slide.close()
    del slide
    if (trim := _trim()) is not None:
        trim(0)


@cache
def _trim() -> Callable[[int], int] | None:
    """glibc's `malloc_trim`, where there is one: without it what a decoder needed stays with the process."""
    trim: Callable[[int], int] | None = getattr(ctypes.CDLL(None), "malloc_trim", None)
    return trim
