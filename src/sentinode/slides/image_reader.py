"""A plain image as a slide of one level, held in memory: PNG, JPEG, or a TIFF that is not tiled."""

from pathlib import Path

import numpy as np
from PIL import Image
from PIL.ExifTags import Base
from PIL.TiffImagePlugin import RESOLUTION_UNIT, X_RESOLUTION, Y_RESOLUTION, TiffImageFile

from sentinode.core.errors import ImageError, SlideError, SlideReadError, UnsupportedSlideError
from sentinode.core.images import read_image
from sentinode.slides.mpp import mpp_from_properties
from sentinode.slides.reader import Level, Pixels, Reader, ReaderFacts

_GREY = {"1", "L", "LA"}
_UNITS = {2: "inch", 3: "centimeter"}  # TIFF 6.0, ResolutionUnit


class ImageReader(Reader):
    """An image file, decoded once."""

    def __init__(self, path: Path, cache_bytes: int) -> None:  # noqa: ARG002 - it holds all of the image anyhow
        """Decode `path`.

        Raises:
            UnsupportedSlideError: It is not an image, damaged, of a mode that is not 8-bit RGB or grey, or so large
                that it should be a pyramid.
            SlideError: It is grey, or says that it is turned, as some programs then show it and others don't.
        """
        try:
            self._pixels: Pixels | None = read_image(path)
        except ImageError as error:
            reason = str(error).removeprefix(f"{path} ")
            raise UnsupportedSlideError(f"{path}: not a plain image that can serve as a slide: {reason}") from error
        _refuse_misread(path)
        height, width = self._pixels.shape[:2]
        properties = _resolution(path)
        levels = (Level(width, height, 1.0, 1.0),)
        self.facts = ReaderFacts("image", path, levels, properties, *mpp_from_properties(properties))

    def read(self, level: int, x: int, y: int, width: int, height: int) -> Pixels:
        """Pixels of a rectangle. See `Reader.read`."""
        pixels = self._pixels
        if pixels is None or level != 0:
            state = "is closed" if pixels is None else f"has one level, not {level}"
            raise SlideReadError(f"{self.facts.path}: level {level} at ({x}, {y}) can't be read: the slide {state}")
        out = np.full((height, width, 3), 255, np.uint8)
        left, top = max(x, 0), max(y, 0)
        right, bottom = min(x + width, pixels.shape[1]), min(y + height, pixels.shape[0])
        if right > left and bottom > top:
            out[top - y : bottom - y, left - x : right - x] = pixels[top:bottom, left:right]
        return out

    def read_associated(self, name: str) -> Pixels:
        """There is none. See `Reader.read_associated`."""
        raise SlideReadError(f"{self.facts.path} has no associated image {name!r}; it has: none")

    def close(self) -> None:
        """Let the pixels go."""
        self._pixels = None


def _refuse_misread(path: Path) -> None:
    # As for TIFF (`tiff.tiff_refusals`), whose own tags were looked at before. Phones and cameras write EXIF's.
    with Image.open(path) as image:
        turned, mode = image.getexif().get(Base.Orientation, 1), image.mode
    if mode in _GREY:
        raise SlideError(f"{path} is grey, and stains can't be told apart; save it as 8-bit RGB from the original")
    if turned != 1:
        message = f"{path} says that it is turned or mirrored (orientation {turned})"
        raise SlideError(f"{message}; save it turned, with orientation 1")


def _resolution(path: Path) -> dict[str, str]:
    # Only TIFF's tags are taken: the densities of PNG and JPEG are those of screens and printers.
    with Image.open(path) as image:
        if not isinstance(image, TiffImageFile):
            return {}
        tags = image.tag_v2
        unit = _UNITS.get(int(tags.get(RESOLUTION_UNIT, 2)))  # inch where it is left out, TIFF 6.0
        if unit is None or X_RESOLUTION not in tags or Y_RESOLUTION not in tags:
            return {}
        x, y = float(tags[X_RESOLUTION]), float(tags[Y_RESOLUTION])
        return {"tiff.ResolutionUnit": unit, "tiff.XResolution": repr(x), "tiff.YResolution": repr(y)}
