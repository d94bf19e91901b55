"""What a reader of slides is: six members that every backend has. Backends import their own library, lazily."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from sentinode.slides.mpp import Mpp

Pixels = NDArray[np.uint8]
"""(height, width, 3) uint8, RGB."""


@dataclass(frozen=True)
class Level:
    """One resolution of a slide, in its own pixels."""

    width: int
    height: int
    downsample_x: float
    """Level-0 pixels for each of this level's pixels along x: the ratio of the widths."""
    downsample_y: float


class Reader(Protocol):
    """A slide file, open for reading. `read` may be called from several threads at once."""

    @property
    def name(self) -> str:
        """The backend: "openslide", "tiff" or "image"."""

    @property
    def path(self) -> Path:
        """The slide's file."""

    @property
    def levels(self) -> tuple[Level, ...]:
        """Level 0 first, each next one coarser."""

    @property
    def properties(self) -> Mapping[str, str]:
        """What the file says of itself, named as OpenSlide names it."""

    @property
    def mpp(self) -> Mpp | None:
        """Level 0's µm/px; None where the file does not say."""

    @property
    def mpp_source(self) -> str:
        """Where `mpp` was found, in words."""

    @property
    def associated(self) -> tuple[str, ...]:
        """Names of the images beside the slide, sorted: label, macro, thumbnail."""

    def tile_shape(self, level: int) -> tuple[int, int] | None:
        """(width, height) in pixels of the file's own tiles at `level`; None where it has none or does not say."""

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        """Pixels of a rectangle whose top left corner is (x, y), in pixels of `level`.

        What lies outside the slide, and what the file leaves out, is white (or the file's own background colour).

        Raises:
            SlideReadError: Some of it can't be read.
        """

    def read_associated(self, name: str) -> Pixels:
        """The associated image `name`.

        Raises:
            SlideReadError: There is none of this name, or it can't be read.
        """

    def close(self) -> None:
        """Let the file go; closing twice is fine, reading afterwards is a SlideReadError."""


@runtime_checkable
class FillingReader(Reader, Protocol):
    """A reader that can put pixels where they are wanted, which spares memory that is new for each tile."""

    def read_into(self, level: int, x: int, y: int, out: Pixels, *, once: bool = False) -> None:
        """As `read`, into `out`.

        Args:
            level: See `read`.
            x: See `read`.
            y: See `read`.
            out: (height, width, 3) uint8, contiguous. It holds anything where an error is raised.
            once: None of these pixels will be asked for again: they need not be kept.

        Raises:
            SlideReadError: Some of it can't be read.
        """
