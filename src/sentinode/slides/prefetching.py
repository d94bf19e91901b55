"""Many tiles of one slide, read ahead by threads while something else works on those that are there."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import SlideReadError
from sentinode.slides.buffers import Buffers
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
    (ahead + 2) · batch · size_px² · 3 bytes, whatever the number of tiles, beside the reader's cache. A batch's array
    is filled anew when neither it nor a view of it is held any more. Decoding runs
    in `threads` threads without the interpreter's lock, so that it overlaps with what the caller does.
    Closing the iterator stops the reading.

    Raises:
        SlideError: The slide can't serve `mpp` (see `Slide.level_for`); raised before anything is read.
    """
    choice = slide.level_for(mpp)
    once = not _overlap(x0, size_px * choice.scale_x * slide.reader.levels[choice.level].downsample_x)
    once = once and not _overlap(y0, size_px * choice.scale_y * slide.reader.levels[choice.level].downsample_y)
    return _Tiles(slide, choice, size_px, x0, y0, once).batches(batch, threads, ahead)


@dataclass(frozen=True, eq=False)
class _Tiles:
    """What is to be read."""

    slide: Slide
    choice: LevelChoice
    size_px: int
    x0: NDArray[np.int64]
    y0: NDArray[np.int64]
    once: bool
    """No two tiles share a pixel."""

    def batches(self, batch: int, threads: int, ahead: int) -> Iterator[TileBatch]:
        # As many as are read or wait, the one that the caller works on, and the one that it lets go for it.
        buffers = Buffers((batch, self.size_px, self.size_px, 3), ahead + 2)
        pool = ThreadPoolExecutor(threads, thread_name_prefix="tiles")
        waiting: deque[tuple[TileBatch, list[Future[None]]]] = deque()
        try:
            for start in range(0, len(self.x0), batch):
                made = TileBatch(start, buffers.take()[: len(self.x0) - start], {})
                firsts = range(0, len(made.tiles), _RUN)
                waiting.append((made, [pool.submit(self._read_run, made, first) for first in firsts]))
                del made
                if len(waiting) >= ahead:
                    yield _finished(*waiting.popleft())
            while waiting:
                yield _finished(*waiting.popleft())
        finally:
            pool.shutdown(wait=True, cancel_futures=True)

    def _read_run(self, made: TileBatch, first: int) -> None:
        for place in range(first, min(first + _RUN, len(made.tiles))):
            index, out = made.start + place, made.tiles[place]
            try:
                self.slide.read_scaled_into(self.choice, int(self.x0[index]), int(self.y0[index]), out, once=self.once)
            except SlideReadError as error:
                out[...] = 255
                made.unreadable[index] = error


def _overlap(starts: NDArray[np.int64], size: float) -> bool:
    """Whether tiles of `size` level-0 pixels from `starts` on share pixels along one axis; a rounded one does not."""
    steps = np.diff(np.unique(starts))
    return int(steps.min(initial=np.iinfo(np.int64).max)) < size - 1


def _finished(made: TileBatch, futures: list[Future[None]]) -> TileBatch:
    for future in futures:
        future.result()
    return made
