"""The tile of each lesion that speaks the loudest: where to look first."""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from sentinode.core.errors import DataError
from sentinode.core.extras import require
from sentinode.metrics.stages import SizeClass
from sentinode.scanning.scan_record import LESIONS_FILE, ScanRecord
from sentinode.scanning.tiles_file import read_scanned_tiles

shapely = require("shapely", extra="scan")


@dataclass(frozen=True)
class LesionTile:
    """A tile of a scan, inside a lesion."""

    rank: int
    """Rank of the lesion by its highest score, from 1."""
    size_class: SizeClass
    x0: int
    """Left edge, level-0 pixels."""
    y0: int
    score: float
    """Probability of the class that was looked for, 0 to 1."""


def strongest_tiles(folder: Path, record: ScanRecord, top: int) -> list[LesionTile]:
    """The tile with the highest score in each of the first `top` lesions of the scan in `folder`.

    A tile belongs to a lesion when its centre lies in the outline; where none does, the nearest one is taken.

    Raises:
        DataError: The scan's files are missing or damaged.
    """
    tiles, bundle = read_scanned_tiles(folder), record.bundle
    if bundle is None or bundle.target not in tiles.classes:
        raise DataError(f"{folder} does not say which class was looked for; scan the slide again")
    scores = np.nan_to_num(tiles.scores[:, tiles.classes.index(bundle.target)], nan=-1.0)
    centres = shapely.points(tiles.x0 + tiles.width / 2, tiles.y0 + tiles.height / 2)
    path, found = folder / LESIONS_FILE, []
    try:
        features = json.loads(path.read_text(encoding="utf-8"))["features"]
        outlines = [shapely.from_geojson(json.dumps(feature["geometry"])) for feature in features]
    except (OSError, KeyError, TypeError, ValueError, shapely.GEOSException) as error:
        raise DataError(f"{path} can't be read ({error}); scan the slide again") from error
    for lesion, outline in list(zip(record.lesions, outlines, strict=False))[:top]:
        inside = np.flatnonzero(shapely.covers(outline, centres))
        if not len(inside):
            inside = np.asarray([int(np.argmin(shapely.distance(outline, centres)))])
        best = int(inside[np.argmax(scores[inside])])
        found.append(
            LesionTile(lesion.rank, lesion.size_class, int(tiles.x0[best]), int(tiles.y0[best]), float(scores[best]))
        )
    return found
