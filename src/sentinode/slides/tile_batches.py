"""Many tiles of one slide, read ahead by threads while something else works on those that are there."""

from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import SlideReadError
from sentinode.slides.buffers import Buffers
from sentinode.slides.context import ContextBlocks
from sentinode.slides.reader import Pixels
from sentinode.slides.reduction import is_copied
from sentinode.slides.slide import LevelChoice, Slide

_RUN = 8
"""Tiles that a thread reads in one go: neighbours share file tiles, and handing over costs less."""


@dataclass(frozen=True)
class TileBatch:
    """Tiles `start` to `start + len(tiles)` of a plan."""

    start: int
    tiles: NDArray[np.uint8]
    """(n, size_px, size_px, 3) uint8, RGB; a tile that could not be read is white. With context (n, 2, size_px,
    size_px, 3), each tile before what lies around it."""
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
    context: bool = False,
) -> Iterator[TileBatch]:
    """Read square tiles of `size_px` px at `mpp` µm/px whose top left corners are level-0 (x0, y0), in that order.

    With `context` each comes with what lies around it (see `core.context`); neighbours share what is read for that.

    At most `ahead` batches are read or waiting at a time: the memory held is bounded by
    (ahead + 2) · batch · size_px² · 3 bytes, with context twice that and 128 MB, whatever the number of tiles, beside
    the reader's cache. A batch's array
    is filled anew when neither it nor a view of it is held any more. Decoding runs
    in `threads` threads without the interpreter's lock, so that it overlaps with what the caller does.
    Closing the iterator stops the reading.

    Raises:
        SlideError: The slide can't serve `mpp` (see `Slide.level_for`); raised before anything is read.
    """
    choice = slide.level_for(mpp)
    once = not _overlap(x0, size_px * choice.scale_x * slide.facts.levels[choice.level].downsample_x)
    once = once and not _overlap(y0, size_px * choice.scale_y * slide.facts.levels[choice.level].downsample_y)
    joined = _joined(slide, choice, size_px, x0, y0)
    blocks = ContextBlocks(slide, mpp, size_px) if context else None
    return _Tiles(slide, choice, size_px, x0, y0, once, joined, blocks).batches(batch, threads, ahead)


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
    joined: NDArray[np.bool_]
    """(N,) whether a tile is the right neighbour of the one before, to be read with it as one strip."""
    context: ContextBlocks | None
    """What lies around tiles, where that is wanted, too."""

    def batches(self, batch: int, threads: int, ahead: int) -> Iterator[TileBatch]:
        # As many as are read or wait, the one that the caller works on, and the one that it lets go for it.
        each = (self.size_px, self.size_px, 3) if self.context is None else (2, self.size_px, self.size_px, 3)
        buffers = Buffers((batch, *each), ahead + 2)
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
        begin, stop = first, min(first + _RUN, len(made.tiles))
        while first < stop:
            end = first + 1
            while end < stop and self.joined[made.start + end]:
                end += 1
            if end - first == 1 or not self._read_strip(made, first, end):
                for place in range(first, end):
                    self._read_one(made, place)
            first = end
        if self.context is not None:
            self._read_contexts(self.context, made, begin, stop)
            for index in [index for index in range(made.start + begin, made.start + stop) if index in made.unreadable]:
                made.tiles[index - made.start] = 255

    def _read_strip(self, made: TileBatch, first: int, end: int) -> bool:
        level, size, count = self.slide.facts.levels[self.choice.level], self.size_px, end - first
        x0, y0 = int(self.x0[made.start + first]), int(self.y0[made.start + first])
        x, y = round(x0 / level.downsample_x), round(y0 / level.downsample_y)
        try:
            strip = self.slide.reader.read(self.choice.level, x, y, count * size, size)
        except SlideReadError:
            return False  # one by one, to learn which of them it is
        self._own(made)[first:end] = strip.reshape(size, count, size, 3).transpose(1, 0, 2, 3)
        return True

    def _read_one(self, made: TileBatch, place: int) -> None:
        index, out = made.start + place, self._own(made)[place]
        try:
            self.slide.read_scaled_into(self.choice, int(self.x0[index]), int(self.y0[index]), out, once=self.once)
        except SlideReadError as error:
            out[...] = 255
            made.unreadable[index] = error

    def _read_contexts(self, context: ContextBlocks, made: TileBatch, first: int, stop: int) -> None:
        """The contexts of some tiles, those in a row together."""
        while first < stop:
            x0, y0 = self.x0[made.start + first : made.start + stop], self.y0[made.start + first : made.start + stop]
            beside = (y0 == y0[0]) & (np.abs(x0 - x0[0]) <= context.reach)
            end = first + (len(beside) if beside.all() else int(np.argmin(beside)))
            try:
                context.read_into(self.slide, x0[: end - first].tolist(), int(y0[0]), made.tiles[first:end, 1])
            except SlideReadError as error:
                if end - first > 1:  # one by one, to learn which of them it is
                    for place in range(first, end):
                        self._read_contexts(context, made, place, place + 1)
                else:
                    made.unreadable[made.start + first] = error
            first = end

    def _own(self, made: TileBatch) -> Pixels:
        """(n, size_px, size_px, 3): the tiles without their context."""
        return made.tiles if self.context is None else made.tiles[:, 0]


def _joined(
    slide: Slide, choice: LevelChoice, size_px: int, x0: NDArray[np.int64], y0: NDArray[np.int64]
) -> NDArray[np.bool_]:
    """(N,) which tiles are read together with the one before: neighbours that are smaller than the file's own tiles.

    Only where level pixels are copied as they are, so that the strip's pixels are the tiles'.
    """
    joined = np.zeros(len(x0), bool)
    shape = slide.facts.levels[choice.level].tile
    copied = is_copied(choice.scale_x, size_px) and is_copied(choice.scale_y, size_px)
    if copied and shape and size_px < shape[0]:
        level = slide.facts.levels[choice.level]
        x = np.rint(x0 / level.downsample_x)  # halves to even, as `round`
        joined[1:] = (np.diff(x) == size_px) & (np.diff(y0) == 0)
    return joined


def _overlap(starts: NDArray[np.int64], size: float) -> bool:
    """Whether tiles of `size` level-0 pixels from `starts` on share pixels along one axis; a rounded one does not."""
    steps = np.diff(np.unique(starts))
    return int(steps.min(initial=np.iinfo(np.int64).max)) < size - 1


def _finished(made: TileBatch, futures: list[Future[None]]) -> TileBatch:
    for future in futures:
        future.result()
    return made
