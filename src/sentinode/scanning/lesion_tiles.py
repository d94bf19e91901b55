"""The tile of each lesion that speaks the loudest: where to look first."""

from dataclasses import dataclass

import numpy as np

from sentinode.core.extras import require
from sentinode.metrics.stages import SizeClass
from sentinode.scanning.scan_folder import ScanFolder

shapely = require("shapely", extra="scan")


@dataclass(frozen=True)
class LesionTile:
    """A tile of a scan, inside a lesion."""

    rank: int
    """Of the lesion."""
    size_class: SizeClass
    x0: int
    """Left edge, level-0 pixels."""
    y0: int
    score: float
    """Of the class that was looked for."""


def strongest_tiles(scan: ScanFolder, top: int) -> list[LesionTile]:
    """The tile with the highest score in each of the first `top` lesions of a scan.

    A tile belongs to a lesion when its centre lies in the outline; where none does, the nearest one is taken.

    Raises:
        DataError: The scan's files are missing or damaged.
    """
    tiles, record, strongest = scan.tiles(), scan.record, []
    scores = np.nan_to_num(tiles.scores[:, tiles.classes.index(record.bundle.target)], nan=-1.0)
    centres = shapely.points(tiles.x0 + tiles.width / 2, tiles.y0 + tiles.height / 2)
    for lesion, outline in list(zip(record.lesions, scan.outlines(), strict=False))[:top]:
        inside = np.flatnonzero(shapely.covers(outline, centres))
        if not len(inside):
            inside = np.asarray([int(np.argmin(shapely.distance(outline, centres)))])
        best = int(inside[np.argmax(scores[inside])])
        strongest.append(
            LesionTile(lesion.rank, lesion.size_class, int(tiles.x0[best]), int(tiles.y0[best]), float(scores[best]))
        )
    return strongest
