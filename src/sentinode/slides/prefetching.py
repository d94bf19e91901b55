"""Many tiles of one slide, read ahead by threads while something else works on those that are there."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import SlideReadError
from sentinode.slides.reader import Pixels
from sentinode.slides.slide import LevelChoice, Slide

_RUN = 8
"""Tiles that a thread reads in one go: neighbours share file tiles, and handing over costs less."""


@dataclass(frozen=True)
class TileBatch:
    """Tiles `start` to `start + len(tiles)` of a plan."""

    start: int
    tiles: NDArray[np.uint8]
    """(n, size_px, size_px, 3) uint8, RGB; a tile that could not be read is white."""
    unreadable: dict[int, SlideReadError]
    """Index in the plan (not in the batch) → why the tile could not be read."""


def read_batches(
    slide: Slide,
    mpp: float,
    size_px: int,
    x0: NDArray[np.int64],
    y0: NDArray[np.int64],
    *,
    batch: int,
    threads: int,
    ahead: int = 3,
) -> Iterator[TileBatch]:
    """Read square tiles of `size_px` px at `mpp` µm/px whose top left corners are level-0 (x0, y0), in that order.

    At most `ahead` batches are read or waiting at a time: the memory held is bounded by
    (ahead + 1) · batch · size_px² · 3 bytes, whatever the number of tiles, beside the reader's cache. Decoding runs
    in `threads` threads without the interpreter's lock, so that it overlaps with what the caller does.
    Closing the iterator stops the reading.

    Raises:
        SlideError: The slide can't serve `mpp` (see `Slide.level_for`); raised before anything is read.
    """
    choice = slide.level_for(mpp)
    starts = range(0, len(x0), batch)
    return _batches(slide, choice, size_px, x0, y0, starts, batch, threads, ahead)


def _batches(
    slide: Slide,
    choice: LevelChoice,
    size_px: int,
    x0: NDArray[np.int64],
    y0: NDArray[np.int64],
    starts: range,
    batch: int,
    threads: int,
    ahead: int,
) -> Iterator[TileBatch]:
    def begin(start: int) -> tuple[TileBatch, list[Future[None]]]:
        stop = min(start + batch, len(x0))
        made = TileBatch(start, np.empty((stop - start, size_px, size_px, 3), np.uint8), {})

        def read(first: int) -> None:
            for index in range(first, min(first + _RUN, stop)):
                _read_into(slide, choice, int(x0[index]), int(y0[index]), made, index)

        return made, [pool.submit(read, first) for first in range(start, stop, _RUN)]

    pool = ThreadPoolExecutor(threads, thread_name_prefix="tiles")
    waiting: deque[tuple[TileBatch, list[Future[None]]]] = deque()
    todo = iter(starts)
    try:
        for start in todo:
            waiting.append(begin(start))
            if len(waiting) < ahead:
                continue
            yield _finished(*waiting.popleft())
        while waiting:
            yield _finished(*waiting.popleft())
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _finished(made: TileBatch, futures: list[Future[None]]) -> TileBatch:
    for future in futures:
        future.result()
    return made


def _read_into(slide: Slide, choice: LevelChoice, x0: int, y0: int, made: TileBatch, index: int) -> None:
    size = made.tiles.shape[1]
    place: Pixels = made.tiles[index - made.start]
    try:
        place[...] = slide.read_scaled(choice, x0, y0, size, size)
    except SlideReadError as error:
        place[...] = 255
        made.unreadable[index] = error
