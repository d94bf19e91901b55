"""How sharp an image is, and how much of an 8 × 8 grid JPEG left in it."""

import numpy as np
from numpy.typing import NDArray

QUALITY_COLUMNS = ("sharpness", "blockiness")
"""Names of the columns of `quality_statistics`."""

_BLOCK = 8
_BATCH_BYTES = 8 << 20


def quality_statistics(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Sharpness and blockiness of each image.

    Sharpness is the logarithm of the Laplacian's variance over that of the grey values (Pech-Pacheco et al. 2000, after
    the contrast is taken out): blur and enlargement lower it, sharpening and noise raise it. Blockiness is the
    logarithm of the mean step between neighbouring pixels at the strongest of the eight places that a grid of 8 pixels
    can have, over the mean step everywhere: strong compression raises it.

    Args:
        tiles: (N, H, W, 3) uint8 RGB, H and W at least 16.

    Returns:
        (N, 2) float32; the columns are named by `QUALITY_COLUMNS`.
    """
    size = max(1, _BATCH_BYTES // max(1, int(np.prod(tiles.shape[1:]))))
    parts = [_batch(np.asarray(tiles[start : start + size])) for start in range(0, len(tiles), size)]
    return np.concatenate(parts) if parts else np.empty((0, len(QUALITY_COLUMNS)), np.float32)


def _batch(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    grey = tiles.astype(np.float32).mean(axis=3)
    inner = 4 * grey[:, 1:-1, 1:-1]
    around = grey[:, :-2, 1:-1] + grey[:, 2:, 1:-1] + grey[:, 1:-1, :-2] + grey[:, 1:-1, 2:]
    sharpness = np.log1p((inner - around).var(axis=(1, 2))) - np.log1p(grey.var(axis=(1, 2)))
    across = np.abs(np.diff(grey, axis=2)).mean(axis=1)
    down = np.abs(np.diff(grey, axis=1)).mean(axis=2)
    blockiness = np.log(np.mean([_grid_step(across), _grid_step(down)], axis=0))
    return np.stack([sharpness, blockiness], axis=1).astype(np.float32)


def _grid_step(steps: NDArray[np.float32]) -> NDArray[np.float64]:
    """(N) of (N, L) mean steps along an axis: at the strongest offset of the grid, over all of them."""
    offsets = [steps[:, start::_BLOCK].mean(axis=1) for start in range(_BLOCK)]
    return np.asarray(np.max(offsets, axis=0) / (steps.mean(axis=1) + 1e-3) + 1e-3, dtype=np.float64)
