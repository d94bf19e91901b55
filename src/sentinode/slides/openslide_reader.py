"""The OpenSlide backend: every format that OpenSlide reads."""

import threading
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.errors import SlideError, SlideReadError, UnsupportedSlideError
from sentinode.core.extras import require
from sentinode.slides.mpp import mpp_from_properties
from sentinode.slides.reader import Level, Pixels


class OpenSlideReader:
    """A slide opened by OpenSlide."""

    name = "openslide"

    def __init__(self, path: Path, cache_bytes: int) -> None:
        """Open `path`.

        Raises:
            UnsupportedSlideError: OpenSlide does not know the format.
            SlideError: It knows the format, and the file is damaged.
            MissingExtraError: The `scan` extra is not installed.
        """
        openslide = require("openslide", extra="scan")
        self.path = path
        self._library = openslide
        self._cache = openslide.OpenSlideCache(cache_bytes)
        self._reopening = threading.Lock()
        try:
            self._slide: Any = self._open()
        except openslide.OpenSlideUnsupportedFormatError as error:
            raise UnsupportedSlideError(f"{path}: OpenSlide does not know this format") from error
        except openslide.OpenSlideError as error:
            raise SlideError(f"{path} can't be opened by OpenSlide: {error}; the file is damaged") from error
        self.properties: dict[str, str] = dict(self._slide.properties)
        self.mpp, self.mpp_source = mpp_from_properties(self.properties)
        width0, height0 = self._slide.level_dimensions[0]
        self.levels = tuple(Level(w, h, width0 / w, height0 / h) for w, h in self._slide.level_dimensions)
        self.associated = tuple(sorted(self._slide.associated_images))
        self._background = _colour(self.properties.get("openslide.background-color"))

    def tile_shape(self, level: int) -> tuple[int, int] | None:
        """(width, height) in pixels of the file's own tiles at `level`, where OpenSlide says it."""
        found = [self.properties.get(f"openslide.level[{level}].tile-{side}") for side in ("width", "height")]
        return (int(found[0]), int(found[1])) if found[0] and found[1] else None

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        """Pixels of a rectangle in pixels of `level`. See `Reader.read`."""
        slide = self._slide
        if slide is None or not 0 <= level < len(self.levels):
            state = "is closed" if slide is None else f"has {len(self.levels)} levels"
            raise SlideReadError(f"{self.path}: level {level} at ({x}, {y}) can't be read: the slide {state}")
        # OpenSlide wants level-0 pixels, whole ones: where a level's downsample is not a whole number, its pixels are
        # shifted by up to half a level-0 pixel and interpolated.
        place = (round(x * slide.level_downsamples[level]), round(y * slide.level_downsamples[level]))
        try:
            rgba = slide.read_region(place, level, (width, height))
        except self._library.OpenSlideError as error:
            self._replace(slide)
            raise SlideReadError(f"{self.path}: level {level} at ({x}, {y}) can't be read: {error}") from error
        return _over(np.asarray(rgba), self._background)

    def read_associated(self, name: str) -> Pixels:
        """The associated image `name`. See `Reader.read_associated`."""
        slide = self._slide
        if slide is None:
            raise SlideReadError(f"{self.path}: its {name} can't be read: the slide is closed")
        try:
            return _over(np.asarray(slide.associated_images[name]), self._background)
        except KeyError as error:
            known = ", ".join(self.associated) or "none"
            raise SlideReadError(f"{self.path} has no associated image {name!r}; it has: {known}") from error
        except self._library.OpenSlideError as error:
            self._replace(slide)
            raise SlideReadError(f"{self.path}: its {name} can't be read: {error}") from error

    def close(self) -> None:
        """Let the file go."""
        self._slide = None  # closed when the last thread that reads from it lets it go

    def _open(self) -> Any:
        slide = self._library.OpenSlide(self.path)
        slide.set_cache(self._cache)
        return slide

    def _replace(self, failed: Any) -> None:
        # After one error OpenSlide answers every call with that error again: a new handle reads on. The old one is
        # closed when the last thread that reads from it lets it go.
        with self._reopening:
            if self._slide is failed:
                self._slide = self._open()


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
