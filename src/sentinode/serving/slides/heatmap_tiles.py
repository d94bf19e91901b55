"""A heatmap as the tiles of a DeepZoom pyramid."""

import io
import math

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.palette import colour_table
from sentinode.scanning.heatmap import Heatmap
from sentinode.scanning.overlay import STRONGEST, strength_of
from sentinode.serving.slides.deepzoom import Pyramid

NOT_SCANNED = 255
"""Value of a cell that was not scanned; others are 0 to 250 for a probability of 0 to 1."""
SURE = 250


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
            DataNotFoundError: There is none.
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
