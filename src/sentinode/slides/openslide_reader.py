"""The OpenSlide backend: every format that OpenSlide reads."""

import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.errors import SlideError, SlideReadError, UnsupportedSlideError
from sentinode.core.extras import require
from sentinode.slides.mpp import mpp_from_properties
from sentinode.slides.reader import Level, Pixels, Reader, ReaderFacts


class OpenSlideReader(Reader):
    """A slide opened by OpenSlide."""

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
        levels = _levels(self._slide.level_dimensions, properties)
        self.facts = ReaderFacts(
            "openslide", path, levels, properties, *mpp_from_properties(properties), associated=associated
        )
        self._background = _colour(properties.get("openslide.background-color"))

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        """Pixels of a rectangle in pixels of `level`. See `Reader.read`."""
        slide = self._slide
        if slide is None or not 0 <= level < len(self.facts.levels):
            state = "is closed" if slide is None else f"has {len(self.facts.levels)} levels"
            raise SlideReadError(f"{self._path}: level {level} at ({x}, {y}) can't be read: the slide {state}")
        # OpenSlide wants level-0 pixels, whole ones: where a level's downsample is not a whole number, its pixels are
        # shifted by up to half a level-0 pixel and interpolated.
        place = (round(x * slide.level_downsamples[level]), round(y * slide.level_downsamples[level]))
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


def _levels(sizes: Sequence[tuple[int, int]], properties: Mapping[str, str]) -> tuple[Level, ...]:
    width0, height0 = sizes[0]
    levels = []
    for number, (width, height) in enumerate(sizes):
        across, down = (properties.get(f"openslide.level[{number}].tile-{side}") for side in ("width", "height"))
        tile = (int(across), int(down)) if across and down else None
        levels.append(Level(width, height, width0 / width, height0 / height, tile))
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
