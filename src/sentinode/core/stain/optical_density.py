"""Optical density: how much light a pixel takes away, which adds up over stains as colours do not."""

from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

Densities = NDArray[np.float64]
"""(P, 3) optical density (natural logarithm) of red, green and blue."""

Reason = Literal["too little tissue", "one stain", "no haematoxylin and eosin"]
"""Why the stain of an image can't be estimated."""

DENSITY: Final = (-np.log((np.arange(256) + 1.0) / 256.0)).astype(np.float32)
"""Of each of the 256 values. 0 would be infinitely dense, so everything is shifted by one."""

_TISSUE = (0.15, 1.8)
"""Mean density of what counts: glass is below (0.15: Macenko et al. 2009), pigment, ink and folds above."""
_INK_RATIO = 1.05
"""Haematoxylin and eosin both absorb green more than red; blue and green ink don't. See `slides.tissue.stain`."""
_NEUTRAL_DENSITY, _NEUTRAL_RATIO = 0.9, 0.8
"""Whatever is dark and absorbs every colour alike is ink, carbon or a frame."""
_LEAST_SHARE = 0.05
_LEAST_PIXELS = 100


class StainError(Exception):
    """The stain of an image can't be estimated; callers leave the image as it is, and count why."""

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason)
        self.reason: Reason = reason


def densities(pixels: NDArray[np.uint8]) -> Densities:
    """(…, 3) uint8 RGB → (P, 3) optical densities."""
    found: Densities = DENSITY[pixels.reshape(-1, 3)].astype(np.float64)
    return found


def tissue_of(density: Densities) -> NDArray[np.bool_]:
    """(P,): the pixels of `density` that are stained tissue, and not glass, ink, pigment or a border."""
    mean, least, most = density.mean(axis=1), density.min(axis=1), density.max(axis=1)
    ink = density[:, 0] > _INK_RATIO * density[:, 1]
    neutral = (mean > _NEUTRAL_DENSITY) & (least > _NEUTRAL_RATIO * most)
    return np.asarray((mean > _TISSUE[0]) & (mean < _TISSUE[1]) & ~ink & ~neutral)


def tissue_densities(pixels: NDArray[np.uint8]) -> Densities:
    """The densities of the stained tissue in an image, or in several.

    Args:
        pixels: (…, 3) uint8 RGB.

    Raises:
        StainError: There is too little of it to tell stains apart.
    """
    density = densities(pixels)
    tissue = tissue_of(density)
    if tissue.sum() < max(_LEAST_PIXELS, _LEAST_SHARE * len(tissue)):
        raise StainError("too little tissue")
    return density[tissue]
