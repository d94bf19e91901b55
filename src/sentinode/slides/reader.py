"""What a reader of slides is: what the file says of itself, and four methods."""

from abc import abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from sentinode.slides.mpp import Mpp

Pixels = NDArray[np.uint8]
"""(height, width, 3) uint8, RGB."""

READING = 2
"""Raised when slides come out otherwise than before, in their colours or in where their corner is: results of an
earlier reading are made again. 2: colours by the tile, OpenSlide's bounds, a fourth sample passed over."""


@dataclass(frozen=True)
class Level:
    """One resolution of a slide, in its own pixels."""

    width: int
    height: int
    downsample_x: float
    """Level-0 pixels for each of this level's pixels along x: the ratio of the widths."""
    downsample_y: float
    tile: tuple[int, int] | None = None
    """(width, height) of the file's own tiles; None where it has none or does not say."""


@dataclass(frozen=True)
class ReaderFacts:
    """What a slide's file says of itself."""

    reader: str
    """The reader's name in the table of readers."""
    path: Path
    levels: tuple[Level, ...]
    """Level 0 first, each next one coarser."""
    properties: Mapping[str, str]
    """Named as OpenSlide names them."""
    mpp: Mpp | None
    """Level 0's µm/px; None where the file does not say."""
    mpp_source: str
    """Where `mpp` was found, in words."""
    origin: tuple[int, int] = (0, 0)
    """Level-0 x and y of the slide's corner on a larger canvas, as OpenSlide has one for MRXS, SCN and BIF."""
    associated: tuple[str, ...] = ()
    """Names of the images beside the slide, sorted: label, macro, thumbnail."""


class Reader(Protocol):
    """A slide file, open for reading. `read` and `read_into` may be called from several threads at once.

    A backend inherits from it, imports its own library when it is made, and is called with the file's path and the
    bytes of decoded tiles that it may keep (see `slides.reader_table`). `sentinode.testing.ReaderTests` says whether it
    keeps this contract.
    """

    facts: ReaderFacts

    @abstractmethod
    def read(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        """Pixels of a rectangle whose top left corner is (x, y), in pixels of `level`; the caller may change them.

        What lies outside the slide, and what the file leaves out, is white (or the file's own background colour).

        Raises:
            SlideReadError: Some of it can't be read.
        """

    def read_into(self, level: int, x: int, y: int, out: Pixels, *, once: bool = False) -> None:  # noqa: ARG002
        """As `read`, into `out`. A reader with its own way spares memory that is new for each tile.

        Args:
            level: See `read`.
            x: See `read`.
            y: See `read`.
            out: (height, width, 3) uint8, contiguous. It holds anything where an error is raised.
            once: None of these pixels will be asked for again: they need not be kept.

        Raises:
            SlideReadError: Some of it can't be read.
        """
        out[...] = self.read(level, x, y, out.shape[1], out.shape[0])

    @abstractmethod
    def read_associated(self, name: str) -> Pixels:
        """The associated image `name`.

        Raises:
            SlideReadError: There is none of this name, or it can't be read.
        """

    @abstractmethod
    def close(self) -> None:
        """Let the file go; closing twice is fine, reading afterwards is a SlideReadError."""
