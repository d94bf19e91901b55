"""The tiles of a scanned slide that a model took for what it looks for: what hard negatives are mined from."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False)
class PositiveTiles:
    """N tiles of one slide whose score reached the threshold."""

    slide: str
    """Name of the slide."""

    slide_width: int
    """Level-0 pixels."""

    slide_height: int
    """Level-0 pixels."""

    size_px: int
    """Side of a tile, in pixels at `mpp`."""

    mpp: float
    """µm/px of the tiles."""

    x0: NDArray[np.int64]
    """(N,) left edges, level-0 pixels."""

    y0: NDArray[np.int64]
    """(N,) upper edges, level-0 pixels."""

    scores: NDArray[np.float32]
    """(N,) of the class that was looked for."""

    threshold: float
    """Score from which a tile was taken."""

    bundle: str
    """Name of the model."""

    bundle_sha256: str
    """SHA-256 of the model's graph."""

    scan_key: str
    """What the scan is known by."""
