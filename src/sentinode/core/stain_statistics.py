"""A few numbers that say how an H&E image is stained: colour, and optical density of each stain."""

import numpy as np
from numpy.typing import NDArray

# Ruifrok & Johnston, Quantification of histochemical staining by color deconvolution, Anal Quant Cytol Histol 23, 2001:
# optical density of haematoxylin, eosin and DAB in the red, green and blue channel.
_STAIN_VECTORS = np.array([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105], [0.268, 0.570, 0.776]])
_UNMIX = np.linalg.inv(_STAIN_VECTORS / np.linalg.norm(_STAIN_VECTORS, axis=1, keepdims=True))[:, :2]

STAIN_COLUMNS = (
    *("red_mean", "green_mean", "blue_mean", "red_std", "green_std", "blue_std"),
    *("haematoxylin_mean", "eosin_mean", "haematoxylin_std", "eosin_std"),
)
"""Names of the columns of `stain_statistics`. Colours are in 0…255, stains in optical density."""

# Optical density of each of the 256 values; 0 would be infinitely dense, so everything is shifted by one.
_DENSITY = -np.log10((np.arange(256) + 1.0) / 256.0).astype(np.float32)
_VALUE = np.arange(256, dtype=np.float32)
_BATCH_BYTES = 8 << 20


def stain_statistics(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean and standard deviation of colour and of haematoxylin and eosin density, for each image.

    Args:
        tiles: (N, H, W, 3) uint8 RGB; a memory map is read piece by piece.

    Returns:
        (N, 10) float32; the columns are named by `STAIN_COLUMNS`.
    """
    size = max(1, _BATCH_BYTES // max(1, int(np.prod(tiles.shape[1:]))))
    parts = [_batch_statistics(np.asarray(tiles[start : start + size])) for start in range(0, len(tiles), size)]
    return np.concatenate(parts) if parts else np.empty((0, len(STAIN_COLUMNS)), dtype=np.float32)


def _batch_statistics(tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
    pixels = tiles.reshape(len(tiles), -1, 3)  # (N, H·W, 3)
    colour_mean, colour_covariance = _moments(_VALUE[pixels])
    density_mean, density_covariance = _moments(_DENSITY[pixels])
    # Unmixing is linear, so its moments follow from those of the density: no pixel needs to be unmixed.
    stain_mean = density_mean @ _UNMIX
    stain_variance = np.einsum("cs,ncd,ds->ns", _UNMIX, density_covariance, _UNMIX)
    colour_std = np.sqrt(np.diagonal(colour_covariance, axis1=1, axis2=2))
    columns = [colour_mean, colour_std, stain_mean, np.sqrt(np.maximum(stain_variance, 0))]
    return np.concatenate(columns, axis=1).astype(np.float32)


def _moments(values: NDArray[np.float32]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    # (N, P, 3) → mean (N, 3) and covariance (N, 3, 3). Centred first: float32 loses too much otherwise.
    mean = values.mean(axis=1, dtype=np.float64)
    centred = values - mean[:, None].astype(np.float32)
    covariance = np.matmul(centred.transpose(0, 2, 1), centred).astype(np.float64) / values.shape[1]
    return mean, covariance
