"""The OpenSlide backend: every format that OpenSlide reads."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.errors import SlideError, SlideReadError, UnsupportedSlideError
from sentinode.core.extras import require
from sentinode.core.messages import plural
from sentinode.slides.mpp import mpp_from_properties
from sentinode.slides.reader import Level, Pixels, Reader, ReaderFacts


class OpenSlideReader(Reader):
    """A slide opened by OpenSlide, cut to its bounds: what was scanned of the canvas, as QuPath shows it."""

    def __init__(self, path: Path, cache_bytes: int) -> None:
        """Open `path`.

        Raises:
            UnsupportedSlideError: OpenSlide does not know the format.
            SlideError: It knows the format, and the file is damaged.
            MissingExtraError: The `scan` extra is not installed.
        """
        openslide = require("openslide", extra="scan")
        self._path = path
        self._library = openslide
        self._cache = openslide.OpenSlideCache(cache_bytes)
        self._reopening = threading.Lock()
        try:
            self._slide: Any = self._open()
        except openslide.OpenSlideUnsupportedFormatError as error:
            raise UnsupportedSlideError(f"{path}: OpenSlide does not know this format") from error
        except openslide.OpenSlideError as error:
            if "nsupported" in str(error):
                raise UnsupportedSlideError(f"{path}: OpenSlide does not read it: {error}") from error
            raise SlideError(f"{path} can't be opened by OpenSlide: {error}; the file is damaged") from error
        properties: dict[str, str] = dict(self._slide.properties)
        associated = tuple(sorted(self._slide.associated_images))
        bounds = _bounds(self._slide.level_dimensions[0], properties)
        levels = _levels(self._slide.level_dimensions, properties, bounds)
        self.facts = ReaderFacts(
            "openslide", path, levels, properties, *mpp_from_properties(properties), origin=bounds[:2],
            associated=associated,
        )  # fmt: skip
        self._background = _colour(properties.get("openslide.background-color"))

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        """Pixels of a rectangle in pixels of `level`. See `Reader.read`."""
        slide = self._slide
        if slide is None or not 0 <= level < len(self.facts.levels):
            state = "is closed" if slide is None else f"has {plural(len(self.facts.levels), 'level')}"
            raise SlideReadError(f"{self._path}: level {level} at ({x}, {y}) can't be read: the slide {state}")
        # OpenSlide wants level-0 pixels, whole ones: where a level's downsample is not a whole number, its pixels are
        # shifted by up to half a level-0 pixel and interpolated. The corner of the bounds is taken at the nearest whole
        # pixel of the level, or all of the level would be interpolated.
        scale = slide.level_downsamples[level]
        left, top = (round(side / scale) for side in self.facts.origin)
        place = (round((left + x) * scale), round((top + y) * scale))
        try:
            rgba = slide.read_region(place, level, (width, height))
        except self._library.OpenSlideError as error:
            self._replace(slide)
            raise SlideReadError(f"{self._path}: level {level} at ({x}, {y}) can't be read: {error}") from error
        return _over(np.asarray(rgba), self._background)

    def read_associated(self, name: str) -> Pixels:
        """The associated image `name`. See `Reader.read_associated`."""
        slide = self._slide
        if slide is None:
            raise SlideReadError(f"{self._path}: its {name} can't be read: the slide is closed")
        try:
            return _over(np.asarray(slide.associated_images[name]), self._background)
        except KeyError as error:
            known = ", ".join(self.facts.associated) or "none"
            raise SlideReadError(f"{self._path} has no associated image {name!r}; it has: {known}") from error
        except self._library.OpenSlideError as error:
            self._replace(slide)
            raise SlideReadError(f"{self._path}: its {name} can't be read: {error}") from error

    def close(self) -> None:
        """Let the file go."""
        self._slide = None  # closed when the last thread that reads from it lets it go

    def _open(self) -> Any:
        slide = self._library.OpenSlide(self._path)
        slide.set_cache(self._cache)
        return slide

    def _replace(self, failed: Any) -> None:
        # After one error OpenSlide answers every call with that error again: a new handle reads on. The old one is
        # closed when the last thread that reads from it lets it go.
        with self._reopening:
            if self._slide is failed:
                self._slide = self._open()


def _bounds(size: tuple[int, int], properties: Mapping[str, str]) -> tuple[int, int, int, int]:
    """Left, top, width and height of what was scanned, level-0 pixels; the whole canvas where nothing is said."""
    try:
        left, top, width, height = (
            int(properties[f"openslide.bounds-{side}"]) for side in ("x", "y", "width", "height")
        )
    except (KeyError, ValueError):
        return (0, 0, *size)
    left, top, right, bottom = max(left, 0), max(top, 0), min(left + width, size[0]), min(top + height, size[1])
    return (left, top, right - left, bottom - top) if right > left and bottom > top else (0, 0, *size)


def _levels(
    sizes: Sequence[tuple[int, int]], properties: Mapping[str, str], bounds: tuple[int, int, int, int]
) -> tuple[Level, ...]:
    width0, height0 = sizes[0]
    levels = []
    for number, (width, height) in enumerate(sizes):
        sides = [properties.get(f"openslide.level[{number}].tile-{side}") for side in ("width", "height")]
        tile = (int(sides[0]), int(sides[1])) if sides[0] and sides[1] else None
        across, down = width0 / width, height0 / height
        inside = max(1, round(bounds[2] / across)), max(1, round(bounds[3] / down))
        levels.append(Level(*inside, across, down, tile))
    return tuple(levels)


def _colour(text: str | None) -> tuple[int, int, int]:
    if not text:
        return (255, 255, 255)
    return int(text[0:2], 16), int(text[2:4], 16), int(text[4:6], 16)


def _over(rgba: Pixels, background: tuple[int, int, int]) -> Pixels:
    # openslide-python hands out straight (not premultiplied) alpha.
    alpha = rgba[..., 3:]
    if (alpha == 255).all():
        return np.ascontiguousarray(rgba[..., :3])
    share = alpha.astype(np.float32) / 255
    blended = rgba[..., :3] * share + np.asarray(background, np.float32) * (1 - share)
    return np.floor(blended + 0.5).astype(np.uint8)
