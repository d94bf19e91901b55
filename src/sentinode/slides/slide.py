"""A slide as everything above the readers sees it: asked for in µm/px, reduced by area from the nearest finer level."""

import math
from contextlib import AbstractContextManager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from sentinode.core.errors import SlideError, SlideNotFoundError
from sentinode.slides.asked_pixels import (
    MOST_PIXELS,
    check_area,
    check_count,
    check_place,
    check_side,
    check_size,
    number,
)
from sentinode.slides.banded_reading import read_reduced
from sentinode.slides.mpp import COARSEST, FINEST, NO_SOURCE, Mpp
from sentinode.slides.reader import Level, Pixels, Reader, ReaderFacts
from sentinode.slides.reader_table import AUTO, DEFAULT_CACHE_BYTES, open_reader
from sentinode.slides.reduction import is_copied
from sentinode.slides.slide_extent import SlideExtent

COARSER_TOLERANCE = 0.05
"""A level this much coarser than asked for still serves: scanners of one make differ by as much in their µm/px."""

_THUMBNAIL_PX = 1024
"""Longer side of a thumbnail for which no size is asked."""

MPP_REMEDY = "--mpp 0.25 (--slide-mpp with sentinode tiles, mpp=0.25 in Python)"
"""After `give it, for example`; a server has another one."""

_MOST_OVERVIEW_PIXELS = 1 << 27
"""Of an overview: 400 MB. All of a large glass slide, 10 × 5 cm, at 8 µm/px has 78 million."""
_MOST_BEYOND = 16
"""Times all of the level: the coarsest tile of a pyramid is of a square with a power of two for a side."""


@dataclass(frozen=True)
class LevelChoice:
    """The level that a µm/px is read from, and how many of its pixels make one that was asked for, on each axis."""

    level: int
    scale_x: float
    scale_y: float


class Slide(AbstractContextManager["Slide"]):
    """An open slide. Reading is thread-safe. Use it as a context manager, or close it."""

    def __init__(self, reader: Reader, mpp: float | None = None) -> None:
        """Wrap `reader`; `mpp` is the user's own µm/px of level 0, which goes before what the file says."""
        self.reader = reader
        self._mpp = Mpp(mpp, mpp) if mpp else reader.facts.mpp
        self.mpp_source = "given by the user" if mpp else reader.facts.mpp_source

    @property
    def facts(self) -> ReaderFacts:
        """What the file says of itself: levels, properties, µm/px, images beside it."""
        return self.reader.facts

    @property
    def path(self) -> Path:
        """The slide's file."""
        return self.facts.path

    @property
    def name(self) -> str:
        """The file's name without its suffix."""
        return self.path.stem

    @property
    def width(self) -> int:
        """Level-0 pixels along x."""
        return self.facts.levels[0].width

    @property
    def height(self) -> int:
        """Level-0 pixels along y."""
        return self.facts.levels[0].height

    @property
    def extent(self) -> SlideExtent:
        """Its size, and where it lies on OpenSlide's canvas: what annotations are placed by."""
        return SlideExtent(self.name, self.width, self.height, *self.facts.origin)

    @property
    def mpp(self) -> Mpp:
        """Level 0's µm/px.

        Raises:
            SlideError: Neither the file nor the user says it.
        """
        if self._mpp is None:
            said = self.mpp_source.removeprefix(NO_SOURCE).removeprefix(": ") or "the file does not say its µm/px"
            raise SlideError(f"{self.path}: {said}; give it, for example {MPP_REMEDY}")
        return self._mpp

    def level_for(self, mpp: float) -> LevelChoice:
        """The coarsest level that is not coarser than `mpp` µm/px (by more than `COARSER_TOLERANCE`), on both axes.

        Raises:
            SlideError: Level 0 is coarser than that, or the slide's µm/px is unknown.
        """
        own = self.mpp
        check_size("µm/px", mpp)
        limit = mpp * (1 + COARSER_TOLERANCE)
        levels = [(own.x * level.downsample_x, own.y * level.downsample_y) for level in self.facts.levels]
        fitting = [number for number, size in enumerate(levels) if max(size) <= limit]
        if not fitting:
            message = f"{self.path} has {own} µm/px at its finest, which is coarser than the {mpp:g} µm/px asked for"
            raise SlideError(f"{message}; scan it at a higher power, or use a model for {own} µm/px or coarser")
        chosen = fitting[-1]
        return LevelChoice(chosen, mpp / levels[chosen][0], mpp / levels[chosen][1])

    def read_at(self, mpp: float, x0: int, y0: int, width: int, height: int) -> Pixels:
        """A rectangle at `mpp` µm/px: `width` × `height` pixels of that size, its top left corner at level-0 (x0, y0).

        Returns:
            (height, width, 3) uint8, RGB; white outside the slide.

        Raises:
            SlideReadError: Some of it can't be read.
            SlideError: See `level_for`; or a side that is no whole number from 1 on, a place that is no finite number,
                or more pixels than are read at once.
        """
        choice = self.level_for(mpp)
        return self.read_scaled(choice, x0, y0, width, height)

    def read_scaled(self, choice: LevelChoice, x0: float, y0: float, width: int, height: int) -> Pixels:
        """As `read_at`, for a level that has been chosen: the form to use for many tiles at one µm/px."""
        check_area(width, height)
        check_place(x0=x0, y0=y0)
        level = self._level(choice)
        # Far more than all of the level would be walked through for nothing; the level itself is, in blocks.
        check_count(
            f"{width:,} pixels a row of {choice.scale_x:,.0f} × {choice.scale_y:,.0f} level pixels were asked for",
            width * choice.scale_x * choice.scale_y,
            max(MOST_PIXELS, _MOST_BEYOND * level.width * level.height),
        )
        return read_reduced(
            partial(self.reader.read, choice.level),
            (x0 / level.downsample_x, y0 / level.downsample_y),
            (choice.scale_x, choice.scale_y),
            (width, height),
        )

    def read_scaled_into(self, choice: LevelChoice, x0: float, y0: float, out: Pixels, *, once: bool = False) -> None:
        """As `read_scaled`, into `out`: (height, width, 3) uint8, contiguous.

        `once` says that none of these pixels will be asked for again (see `Reader.read_into`).
        """
        if out.ndim != 3 or out.shape[2] != 3 or out.dtype != np.uint8 or not out.flags.c_contiguous:
            raise SlideError(f"an array {out.shape} of {out.dtype} can't be read into; give contiguous (h, w, 3) uint8")
        height, width = out.shape[:2]
        check_area(width, height)
        check_place(x0=x0, y0=y0)
        if is_copied(choice.scale_x, width) and is_copied(choice.scale_y, height):
            level = self._level(choice)
            x, y = round(x0 / level.downsample_x), round(y0 / level.downsample_y)
            self.reader.read_into(choice.level, x, y, out, once=once)
        else:
            out[...] = self.read_scaled(choice, x0, y0, width, height)

    def thumbnail(self, *, max_side: int | None = None, mpp: float | None = None) -> Pixels:
        """The whole slide, small: either its longer side `max_side` pixels, or at `mpp` µm/px (sizes rounded up).

        Raises:
            SlideReadError: Some of it can't be read.
            SlideError: See `level_for`; or `max_side` is no whole number from 1 on, or more than is read at once; or at
                `mpp` it would have more pixels than an overview of any glass slide.
        """
        if mpp is not None:
            self.level_for(mpp)
            sides = (self.width * self.mpp.x, self.height * self.mpp.y)
            width, height = (max(1, math.ceil(um / mpp - 1e-6)) for um in sides)
            if width * height > _MOST_OVERVIEW_PIXELS:
                message = f"{self.path}: an overview at {mpp:g} µm/px would have {width:,}×{height:,} px"
                raise SlideError(
                    f"{message}; check the slide's µm/px, {self.mpp}, and give the right one, for example {MPP_REMEDY}"
                )
            return self.read_at(mpp, 0, 0, width, height)
        longest = _THUMBNAIL_PX if max_side is None else max_side
        check_side("max_side", longest)
        factor = max(1.0, max(self.width, self.height) / longest)
        width, height = max(1, round(self.width / factor)), max(1, round(self.height / factor))
        return self.read_scaled(self._level_for_size(width, height), 0, 0, width, height)

    def close(self) -> None:
        """Let the file go."""
        self.reader.close()

    def __exit__(self, *_error: object) -> None:
        self.close()

    def _level(self, choice: LevelChoice) -> Level:
        levels = self.facts.levels
        if choice.level not in range(len(levels)):
            raise SlideError(f"{self.path} has no level {choice.level!r}; its levels are 0 to {len(levels) - 1}")
        check_size("level pixels for each", choice.scale_x)
        check_size("level pixels for each", choice.scale_y)
        return levels[choice.level]

    def _level_for_size(self, width: int, height: int) -> LevelChoice:
        levels = self.facts.levels
        fitting = [n for n, level in enumerate(levels) if level.width >= width and level.height >= height]
        chosen = fitting[-1] if fitting else 0
        return LevelChoice(chosen, levels[chosen].width / width, levels[chosen].height / height)


def open_slide(
    path: Path,
    *,
    reader: str = AUTO,
    mpp: float | None = None,
    cache_bytes: int = DEFAULT_CACHE_BYTES,
    series: int | None = None,
) -> Slide:
    """Open the slide at `path`.

    Args:
        path: The slide's file.
        reader: "tiff": our reader of tiled TIFF and SVS; "openslide"; "image": a plain image, held in memory;
            "auto": the first of these, in this order, that reads the file.
        mpp: µm/px of level 0, in place of what the file says.
        cache_bytes: Bound on the decoded tiles that the reader keeps.
        series: Which of several pictures in a TIFF, from 0; None: the only one.

    Raises:
        SlideNotFoundError: There is no such file.
        SlideError: No reader, or not the one asked for, opens it; or `mpp` is no µm/px of a microscope.
        MissingExtraError: The `scan` extra is not installed.
    """
    if not path.is_file():
        raise SlideNotFoundError(f"{path} is not a file; check the path")
    if not path.stat().st_size:
        raise SlideError(f"{path} is empty; copy the file again")
    if mpp is not None and not Mpp(number(mpp), number(mpp)).believable:
        raise SlideError(f"{mpp!r} µm/px was given for {path}; give a number from {FINEST:g} to {COARSEST:g}")
    return Slide(open_reader(path, reader, cache_bytes, series), mpp)
