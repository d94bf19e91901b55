"""The tiles of a scan that a model took for what it looks for: what hard negatives are mined from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.scanning.scan_record import BundleFacts, SlideFacts, read_record
from sentinode.scanning.tiles_file import read_tiles
from sentinode.slides.tiling import TileSpec


@dataclass(frozen=True, eq=False)
class PositiveTiles:
    """N tiles of one scan."""

    slide: SlideFacts
    bundle: BundleFacts
    key: str
    """Of the scan."""
    threshold: float
    spec: TileSpec
    x0: NDArray[np.int64]
    """(N,) left edges, level-0 pixels."""
    y0: NDArray[np.int64]
    """(N,) upper edges, level-0 pixels."""
    scores: NDArray[np.float32]
    """(N,) of the class that was looked for."""


def positive_tiles(folder: Path, threshold: float | None = None) -> PositiveTiles:
    """The readable tiles of a scan whose score reaches the threshold.

    Args:
        folder: Of a finished scan.
        threshold: None: that of the scan, from which a cell belongs to a lesion.

    Raises:
        DataError: There is no finished scan.
    """
    record, tiles = read_record(folder), read_tiles(folder)
    if record.slide is None or record.bundle is None:
        raise DataError(f"{folder} holds no finished scan: its status is {record.status}; scan the slide again")
    reached = record.bundle.threshold if threshold is None else threshold
    scores = tiles.scores[:, tiles.classes.index(record.bundle.target)]
    chosen = np.nan_to_num(scores, nan=-1.0) >= reached
    return PositiveTiles(
        slide=record.slide,
        bundle=record.bundle,
        key=record.key,
        threshold=reached,
        spec=tiles.spec,
        x0=tiles.x0[chosen],
        y0=tiles.y0[chosen],
        scores=scores[chosen],
    )
