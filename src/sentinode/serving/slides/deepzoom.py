"""Slides and heatmaps as DeepZoom pyramids: level n is half of level n + 1, the last one is level 0 of the slide.

The form is Microsoft's (dzi 2008); tiles are of 256 px without overlap, so that they fall on the file's own tiles.
"""

import io
import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.palette import colour_table
from sentinode.scanning.heatmap import Heatmap
from sentinode.scanning.overlay import STRONGEST, strength_of
from sentinode.serving.problems import Problem
from sentinode.slides.slide import LevelChoice, Slide

TILE_PX = 256
JPEG_QUALITY = 80
NOT_SCANNED = 255
"""Value of a cell that was not scanned; others are 0 to 250 for a probability of 0 to 1."""
SURE = 250


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
            Problem: 404 where there is none.
        """
        if 0 <= level <= self.last:
            width, height = self.size(level)
            left, top = column * TILE_PX, row * TILE_PX
            if 0 <= left < width and 0 <= top < height:
                return left, top, min(TILE_PX, width - left), min(TILE_PX, height - top)
        raise Problem(404, f"there is no tile {column}_{row} at level {level}; deepzoom.dzi has the sizes")

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
        Problem: 404 where there is none.
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


class HeatmapTiles:
    """A heatmap as the tiles of a pyramid of its slide's size: every cell a plain rectangle, as it was measured."""

    def __init__(self, heatmap: Heatmap, slide_width: int, slide_height: int) -> None:
        self.pyramid = Pyramid(slide_width, slide_height)
        self._downsample = heatmap.downsample_x, heatmap.downsample_y
        self.heatmap = heatmap
        levels = [heatmap.values]
        while max(levels[-1].shape) > 1:
            levels.append(_halved(levels[-1]))
        self._levels = [grid_of(values) for values in levels]

    def tile(self, level: int, column: int, row: int) -> bytes:
        """A tile as PNG with a palette: opaque at a score of 1, clearer below, transparent where nothing was scanned.

        Where a pixel is larger than a cell it has the mean of the cells below it, of which some power of two each way
        are taken together.

        Raises:
            Problem: 404 where there is none.
        """
        left, top, width, height = self.pyramid.tile(level, column, row)
        scale = self.pyramid.scale(level)
        halvings = max(0, min(len(self._levels) - 1, math.floor(math.log2(max(1, scale / min(self._downsample))))))
        grid = self._levels[halvings]
        cell_x, cell_y = (side * 2**halvings for side in self._downsample)
        columns = ((left + np.arange(width) + 0.5) * scale / cell_x).astype(np.int64).clip(0, grid.shape[1] - 1)
        rows = ((top + np.arange(height) + 0.5) * scale / cell_y).astype(np.int64).clip(0, grid.shape[0] - 1)
        return _palette_png(grid[rows[:, None], columns[None, :]])


def grid_of(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(h, w) probabilities as 0 to `SURE`, and `NOT_SCANNED`."""
    scanned = np.isfinite(values)
    steps = np.rint(np.clip(np.where(scanned, values, 0), 0, 1) * SURE).astype(np.uint8)
    return np.where(scanned, steps, np.uint8(NOT_SCANNED))


def _palette_png(indices: NDArray[np.uint8]) -> bytes:
    # A palette, not RGBA: a quarter of the bytes to compress and to send; browsers show the same.
    image = Image.fromarray(indices, "P")
    scores = np.minimum(np.arange(256), SURE) / SURE
    image.putpalette(colour_table()[np.rint(scores * 255).astype(int)].astype(np.uint8).tobytes())
    out = io.BytesIO()
    image.save(out, "PNG", transparency=_opacities(scores), compress_level=1)
    return out.getvalue()


def _opacities(scores: NDArray[np.float64]) -> bytes:
    """Opacity of each colour of a palette: as in a scan's overlay.png, so that low scores leave the stain as it is."""
    opacities = np.rint(strength_of(scores) / STRONGEST * 255).astype(np.uint8)
    opacities[NOT_SCANNED] = 0
    return bytes(opacities)


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the scanned cells of each 2×2; an odd last row or column is a half block."""
    height, width = values.shape
    padded = np.pad(values, ((0, height % 2), (0, width % 2)), constant_values=np.nan)
    blocks = padded.reshape(padded.shape[0] // 2, 2, padded.shape[1] // 2, 2)
    scanned = np.isfinite(blocks)
    count = scanned.sum(axis=(1, 3))
    total = np.where(scanned, blocks, 0).sum(axis=(1, 3))
    return np.asarray(np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0), np.float32)


def _choice(slide: Slide, scale: int) -> LevelChoice:
    """The coarsest level of the file that is not coarser than one pixel for `scale` level-0 pixels."""
    levels = slide.facts.levels
    fitting = [n for n, level in enumerate(levels) if max(level.downsample_x, level.downsample_y) <= scale * 1.001]
    level = fitting[-1] if fitting else 0
    return LevelChoice(level, scale / levels[level].downsample_x, scale / levels[level].downsample_y)
