"""The tiles of a scan that a model took for what it looks for: what hard negatives are mined from."""

import numpy as np

from sentinode.scanning.scan_folder import ScanFolder
from sentinode.slides.positives import PositiveTiles


def positive_tiles(scan: ScanFolder, threshold: float | None = None) -> PositiveTiles:
    """The readable tiles of a scan whose score reaches the threshold.

    Args:
        scan: A finished scan.
        threshold: None: that of the scan, from which a cell belongs to a lesion.

    Raises:
        DataError: Its table of tiles is missing or damaged.
    """
    record, tiles = scan.record, scan.tiles()
    reached = record.bundle.threshold if threshold is None else threshold
    scores = tiles.scores[:, tiles.classes.index(record.bundle.target)]
    chosen = np.nan_to_num(scores, nan=-1.0) >= reached
    return PositiveTiles(
        slide=record.slide.name,
        slide_width=record.slide.width,
        slide_height=record.slide.height,
        size_px=tiles.spec.size_px,
        mpp=tiles.spec.mpp,
        x0=tiles.x0[chosen],
        y0=tiles.y0[chosen],
        scores=scores[chosen],
        threshold=reached,
        bundle=record.bundle.name,
        bundle_sha256=record.bundle.sha256,
        scan_key=record.key,
    )
