"""What lies around tiles: a coarse picture of the slide, read in blocks once for all neighbours, and cut for each."""

import math
from collections import OrderedDict
from collections.abc import Sequence
from concurrent.futures import Future
from threading import Lock

import numpy as np

from sentinode.core.context import FACTOR
from sentinode.slides.reader import Pixels
from sentinode.slides.slide import Slide

_BLOCK_PX = 256
"""Side of a block in pixels of the context: the contexts of tiles of 96 px lie in one to four of them."""
_KEPT_BYTES = 128 << 20
"""Of blocks that are kept: more than the two or three rows of them that a row of tiles needs, on any glass slide."""


class ContextBlocks:
    """The coarse picture around the tiles of one slide. Thread-safe.

    Blocks lie on a grid that begins at the slide's corner, and each is read as a whole: a tile's context is the same
    pixels whichever tiles were read before it, in training and in a scan. It knows no slide, so that who keeps it keeps
    no file open.
    """

    def __init__(self, slide: Slide, mpp: float, size_px: int) -> None:
        """For tiles of `size_px` px at `mpp` µm/px.

        Raises:
            SlideError: The slide is coarser than that.
        """
        self._choice = slide.level_for(FACTOR * mpp)
        self._size = size_px
        self._step = (FACTOR * mpp / slide.mpp.x, FACTOR * mpp / slide.mpp.y)
        self._across, self._down = (
            math.ceil(length / (step * _BLOCK_PX))
            for length, step in zip((slide.width, slide.height), self._step, strict=True)
        )
        self._blocks: OrderedDict[tuple[int, int], Future[Pixels]] = OrderedDict()
        self._lock = Lock()

    @property
    def reach(self) -> float:
        """Level-0 pixels from the first to the last of the tiles in a row that are best read at once."""
        return 2 * self._size * self._step[0]

    def read_into(self, slide: Slide, x0: Sequence[int], y0: int, out: Pixels) -> None:
        """The contexts of n tiles in a row whose top left corners are level-0 (x0, y0), into `out`: (n, S, S, 3) uint8.

        White outside the slide. Its pixels lie on a grid of the slide's, so its centre is the tile's but for up to half
        a pixel of the context; for tiles of a scan whose side is a multiple of 8 px it is just that.

        Raises:
            SlideReadError: Some of it can't be read.
        """
        size, top = self._size, self._start(y0, 1)
        lefts = [self._start(x, 0) for x in x0]
        if len(lefts) == 1:
            self._copy(slide, lefts[0], top, out[0])
            return
        left = min(lefts)
        strip = np.empty((size, max(lefts) + size - left, 3), np.uint8)
        self._copy(slide, left, top, strip)
        for place, own in enumerate(lefts):
            out[place] = strip[:, own - left : own - left + size]

    def _copy(self, slide: Slide, left: int, top: int, out: Pixels) -> None:
        """The pixels of the coarse picture from (left, top) on, into `out`: (h, w, 3)."""
        height, width = out.shape[:2]
        for row in range(top // _BLOCK_PX, (top + height - 1) // _BLOCK_PX + 1):
            for column in range(left // _BLOCK_PX, (left + width - 1) // _BLOCK_PX + 1):
                x, y = column * _BLOCK_PX, row * _BLOCK_PX
                x1, y1 = max(left, x), max(top, y)
                x2, y2 = min(left + width, x + _BLOCK_PX), min(top + height, y + _BLOCK_PX)
                part = out[y1 - top : y2 - top, x1 - left : x2 - left]
                if 0 <= column < self._across and 0 <= row < self._down:
                    part[...] = self._block(slide, column, row)[y1 - y : y2 - y, x1 - x : x2 - x]
                else:
                    part[...] = 255

    def _start(self, place: int, axis: int) -> int:
        """The first pixel of the context along an axis, for a tile that begins at level-0 `place`."""
        return math.floor(place / self._step[axis] - self._size * (FACTOR - 1) / (2 * FACTOR) + 0.5)

    def _block(self, slide: Slide, column: int, row: int) -> Pixels:
        with self._lock:
            found = self._blocks.get((column, row))
            mine = found is None
            if found is None:
                found = self._blocks[column, row] = Future()
                while len(self._blocks) * 3 * _BLOCK_PX**2 > _KEPT_BYTES:
                    self._blocks.popitem(last=False)
            self._blocks.move_to_end((column, row))
        if mine:
            try:
                x0, y0 = (place * _BLOCK_PX * step for place, step in zip((column, row), self._step, strict=True))
                found.set_result(slide.read_scaled(self._choice, x0, y0, _BLOCK_PX, _BLOCK_PX))
            except Exception as error:  # noqa: BLE001 - whoever waits for the block has to be told, whatever it is
                found.set_exception(error)
        return found.result()


def read_with_context(slide: Slide, blocks: ContextBlocks, mpp: float, x0: int, y0: int, size_px: int) -> Pixels:
    """One tile with its context: (2, size_px, size_px, 3) uint8, the tile first.

    Args:
        slide: Open.
        blocks: Of this slide and of tiles of this size.
        mpp: µm/px of the tile.
        x0: Left edge, level-0 pixels.
        y0: Upper edge.
        size_px: Side of the tile.

    Raises:
        SlideReadError: Some of it can't be read.
    """
    out = np.empty((2, size_px, size_px, 3), np.uint8)
    out[0] = slide.read_at(mpp, x0, y0, size_px, size_px)
    blocks.read_into(slide, [x0], y0, out[1:])
    return out
