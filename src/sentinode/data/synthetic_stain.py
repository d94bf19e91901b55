"""How a synthetic slide is stained and scanned: concentrations in, RGB out. Each slide has its own look.

Light is absorbed by the law of Beer and Lambert: `rgb = background * exp(-(h * haematoxylin + e * eosin))`, with the
stains' optical densities as Ruifrok and Johnston (2001) measure them. Two scanners, as in CAMELYON16: one that shows
brown and salmon, one that shows violet and magenta.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fftfreq, irfft2, rfft2, rfftfreq

from sentinode.data.synthetic_cells import Array
from sentinode.data.synthetic_tissue import MARGIN, PATCH, SIZE

_SCANNERS = (
    # haematoxylin, eosin (optical density of R, G, B at concentration 1), light of bare glass
    ((0.86, 1.36, 0.92), (0.11, 0.46, 0.36), (245, 239, 243)),
    ((1.00, 1.55, 0.58), (0.18, 0.74, 0.24), (240, 238, 243)),
)


@dataclass(frozen=True)
class SlideLook:
    """Stain and scanner of one slide."""

    stains: Array
    """(2, 3): optical density of R, G, B for one unit of haematoxylin and of eosin."""
    background: Array
    """(3,): RGB of bare glass."""
    transfer: Array
    """(SIZE, SIZE // 2 + 1): what focus and the scanner's sharpening leave of each spatial frequency."""
    noise: float
    """Standard deviation of the scanner's noise, in grey levels."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "SlideLook":
        """Draw a slide's look: a scanner, and the laboratory's variation on it."""
        haematoxylin, eosin, background = _SCANNERS[rng.integers(2)]
        gain = rng.normal(0, 0.12, (2, 1)) + rng.normal(0, 0.06, (2, 3))
        stains = np.array([haematoxylin, eosin]) * np.exp(gain)
        light = np.clip(np.array(background) + rng.normal(0, 1.5, 3), 225, 252)
        transfer = _transfer(blur=rng.uniform(0.35, 0.6), sharpening=rng.uniform(0.1, 0.8))
        single = np.float32  # half the time of double precision
        return cls(stains.astype(single), light.astype(single), transfer.astype(single), rng.uniform(1.0, 3.0))

    def scan(self, concentrations: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Turn concentrations (2, SIZE, SIZE) into a patch (PATCH, PATCH, 3) uint8, RGB: the margin is cut off."""
        thickness = np.float32(np.exp(rng.normal(0, 0.08)))  # a section is not equally thick everywhere
        density = np.tensordot(self.stains.T * thickness, concentrations, 1)
        light = irfft2(rfft2(np.exp(-density)) * self.transfer, s=(SIZE, SIZE))[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        grain = rng.standard_normal((PATCH, PATCH), dtype=np.float32) * self.noise
        rgb = light.transpose(1, 2, 0) * self.background + grain[..., None]
        return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def _transfer(blur: float, sharpening: float) -> Array:
    """Gaussian blur of `blur` pixels, then unsharp masking of a radius of 1.2 px."""
    square = fftfreq(SIZE)[:, None] ** 2 + rfftfreq(SIZE)[None] ** 2
    blurred: Array = np.exp(-2 * (np.pi * blur) ** 2 * square)
    return blurred * (1 + sharpening * (1 - np.exp(-2 * (np.pi * 1.2) ** 2 * square)))
