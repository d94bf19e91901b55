"""`heatmap.tif`: the heatmap as a pyramidal RGBA TIFF with µm/px, for QuPath, OpenSlide and image programs."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.extras import require
from sentinode.core.files import atomic_file
from sentinode.core.palette import PALETTE, colours_of
from sentinode.scanning.heatmap import Heatmap
from sentinode.scanning.scan_record import HEATMAP_FILE

tifffile = require("tifffile", extra="scan")

_TILE_PX = 256
_SMALLEST_PX = 16
_UM_PER_CM = 10_000.0


def write_heatmap(folder: Path, heatmap: Heatmap, target: str) -> None:
    """Write `heatmap.tif`: one pixel a cell, in colours; transparent where nothing was scanned.

    Levels are halved until the longer side is 16 pixels; a pixel of a level has the mean score of the scanned cells
    below it, so that a level is a heatmap, too, and not a blend of colours.

    Args:
        folder: Of the scan.
        heatmap: Scores.
        target: The class, for the file's description.
    """
    levels = [heatmap.values]
    while max(levels[-1].shape) > _SMALLEST_PX and min(levels[-1].shape) > 1:
        levels.append(_halved(levels[-1]))
    about = f"sentinode heatmap: probability of {target}, 0 to 1 in the palette {PALETTE}; transparent: not scanned"
    with atomic_file(folder / HEATMAP_FILE) as temporary, tifffile.TiffWriter(temporary) as file:
        for number, values in enumerate(levels):
            per_cm = (_UM_PER_CM / (heatmap.mpp.x * 2**number), _UM_PER_CM / (heatmap.mpp.y * 2**number))
            file.write(
                colours_of(values),
                photometric="rgb",
                extrasamples=["unassalpha"],
                tile=(_TILE_PX, _TILE_PX),
                compression="adobe_deflate",
                resolution=per_cm,
                resolutionunit="CENTIMETER",
                subfiletype=1 if number else 0,
                description=about.encode("ascii", "replace").decode() if number == 0 else None,
                metadata=None,
                software="sentinode",
            )


def _halved(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """The mean of the scanned cells of each 2×2; an odd last row or column is left out, as pyramids have it."""
    height, width = (side // 2 * 2 for side in values.shape)
    blocks = values[:height, :width].reshape(height // 2, 2, width // 2, 2)
    scanned = np.isfinite(blocks)
    count = scanned.sum(axis=(1, 3))
    total = np.where(scanned, blocks, 0).sum(axis=(1, 3))
    mean = np.divide(total, count, out=np.full(total.shape, np.nan), where=count > 0)
    return np.asarray(mean, np.float32)
