"""Slides as DeepZoom pyramids: level n is half of level n + 1, the last one is level 0 of the slide.

The form is Microsoft's (dzi 2008); tiles are of 256 px without overlap, so that they fall on the file's own tiles.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.errors import DataNotFoundError
from sentinode.slides.slide import LevelChoice, Slide

TILE_PX = 256
JPEG_QUALITY = 80


@dataclass(frozen=True)
class Pyramid:
    """The sizes of a DeepZoom pyramid."""

    width: int
    """Level-0 pixels of the slide."""
    height: int

    @property
    def last(self) -> int:
        """The number of the finest level."""
        return math.ceil(math.log2(max(self.width, self.height, 1)))

    def scale(self, level: int) -> int:
        """Level-0 pixels for each pixel of a level, each way."""
        return 1 << (self.last - level)

    def size(self, level: int) -> tuple[int, int]:
        """(width, height) of a level in its own pixels."""
        scale = self.scale(level)
        return math.ceil(self.width / scale), math.ceil(self.height / scale)

    def tile(self, level: int, column: int, row: int) -> tuple[int, int, int, int]:
        """(left, top, width, height) of a tile in pixels of its level.

        Raises:
            DataNotFoundError: There is none.
        """
        if 0 <= level <= self.last:
            width, height = self.size(level)
            left, top = column * TILE_PX, row * TILE_PX
            if 0 <= left < width and 0 <= top < height:
                return left, top, min(TILE_PX, width - left), min(TILE_PX, height - top)
        raise DataNotFoundError(f"there is no tile {column}_{row} at level {level}; deepzoom.dzi has the sizes")

    def descriptor(self, kind: str) -> bytes:
        """The .dzi file; `kind` is the tiles' suffix."""
        return (
            '<?xml version="1.0" encoding="UTF-8"?>\n'
            f'<Image xmlns="http://schemas.microsoft.com/deepzoom/2008" Format="{kind}" Overlap="0" '
            f'TileSize="{TILE_PX}"><Size Height="{self.height}" Width="{self.width}"/></Image>\n'
        ).encode()


def slide_tile(slide: Slide, level: int, column: int, row: int) -> bytes:
    """A tile of a slide as JPEG.

    Raises:
        DataNotFoundError: There is none.
        SlideReadError: Its pixels can't be had.
    """
    pyramid = Pyramid(slide.width, slide.height)
    left, top, width, height = pyramid.tile(level, column, row)
    scale = pyramid.scale(level)
    pixels = slide.read_scaled(_choice(slide, scale), left * scale, top * scale, width, height)
    return jpeg(pixels)


def jpeg(pixels: NDArray[np.uint8], quality: int = JPEG_QUALITY) -> bytes:
    """(h, w, 3) as JPEG, chroma halved each way as scanners have it."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality, subsampling="4:2:0")
    return out.getvalue()


def png(pixels: NDArray[np.uint8]) -> bytes:
    """(h, w, 4) as PNG."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG", compress_level=1)
    return out.getvalue()


def _choice(slide: Slide, scale: int) -> LevelChoice:
    """The coarsest level of the file that is not coarser than one pixel for `scale` level-0 pixels."""
    levels = slide.facts.levels
    fitting = [n for n, level in enumerate(levels) if max(level.downsample_x, level.downsample_y) <= scale * 1.001]
    level = fitting[-1] if fitting else 0
    return LevelChoice(level, scale / levels[level].downsample_x, scale / levels[level].downsample_y)
