"""Whether the direct reader and OpenSlide give the same pixels of a slide: random tiles through both."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentinode.core.errors import SlideError
from sentinode.slides.reader import Reader
from sentinode.slides.slide import open_slide

ROUNDING = 2
"""Grey levels that rounding explains: colour conversion of JPEG 2000, and a shift of less than `_SHIFT_PX`."""

_SHIFT_PX = 0.004
"""A place whose level-0 coordinates are whole to this many level pixels: OpenSlide then interpolates by 1 at most."""


@dataclass(frozen=True)
class Agreement:
    """What was compared, and how far the two readers were apart."""

    tiles: int
    levels: tuple[int, ...]
    largest_difference: int
    """Grey levels, over all pixels and channels."""


def verify_readers(path: Path, count: int, seed: int = 0, series: int | None = None) -> Agreement:
    """Read `count` random tiles of the slide at `path` through the direct reader and through OpenSlide.

    Two readers can be wrong alike, and both go by what the file says: that colours are those of stained tissue is for
    `slides.colour_check` to judge.

    Raises:
        SlideError: They differ by more than `ROUNDING` grey levels, in size or in µm/px; or one does not open the
            slide, so that there is nothing to compare.
    """
    with open_slide(path, reader="tiff", series=series) as ours, open_slide(path, reader="openslide") as theirs:
        shared = _shared_levels(ours.reader, theirs.reader)
        random = np.random.default_rng(seed)
        largest, met = 0, set()
        for _ in range(count):
            mine, other = shared[random.integers(len(shared))]
            difference, place = _difference(ours.reader, theirs.reader, mine, other, random)
            if difference > ROUNDING:
                message = f"{path}: the readers differ by {difference} grey levels at level {mine}, {place}"
                raise SlideError(f"{message}; read it with OpenSlide alone, and report this slide")
            largest = max(largest, difference)
            met.add(mine)
    return Agreement(count, tuple(sorted(met)), largest)


def _shared_levels(ours: Reader, theirs: Reader) -> list[tuple[int, int]]:
    # Pyramids in SubIFDs are seen by the direct reader only, so levels are paired by their size.
    sizes = {(level.width, level.height): number for number, level in enumerate(theirs.facts.levels)}
    own = [(level.width, level.height) for level in ours.facts.levels]
    shared = [(number, sizes[size]) for number, size in enumerate(own) if size in sizes]
    if (0, 0) not in shared:
        said = [f"{each.facts.levels[0].width} × {each.facts.levels[0].height}" for each in (ours, theirs)]
        raise SlideError(f"{ours.facts.path}: the readers differ in its size, {said[0]} and {said[1]}")
    known = [mpp for mpp in (ours.facts.mpp, theirs.facts.mpp) if mpp]
    if len(known) == 1 or (known and not np.allclose([known[0].x, known[0].y], [known[1].x, known[1].y], rtol=1e-4)):
        raise SlideError(f"{ours.facts.path}: the readers differ in its µm/px, {ours.facts.mpp} and {theirs.facts.mpp}")
    return shared


def _difference(
    ours: Reader, theirs: Reader, mine: int, other: int, random: np.random.Generator
) -> tuple[int, tuple[int, int]]:
    level = ours.facts.levels[mine]
    width, height = level.tile or (256, 256)
    x, y = (_place(random, size, theirs, other) for size in (level.width, level.height))
    pixels = [reader.read(number, x, y, width, height) for reader, number in ((ours, mine), (theirs, other))]
    return int(np.abs(pixels[0].astype(np.int16) - pixels[1].astype(np.int16)).max()), (x, y)


def _place(random: np.random.Generator, size: int, openslide: Reader, level: int) -> int:
    # OpenSlide takes whole level-0 pixels: on a level whose downsample is not a whole number it interpolates elsewhere.
    downsample = float(openslide.facts.properties[f"openslide.level[{level}].downsample"])
    places = np.arange(size)
    exact = places[np.abs(np.round(places * downsample) / downsample - places) <= _SHIFT_PX]
    return int(random.choice(exact))
