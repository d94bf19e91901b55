"""How a synthetic patch is stained and scanned: concentrations in, RGB out. Each slide has its own look."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.fft import fftfreq, irfft2, rfft2, rfftfreq

from sentinode.data.synthetic.tissue import MARGIN, PATCH, SIZE
from sentinode.slides.synthetic.cells import Array
from sentinode.slides.synthetic.scanner_stains import Stains


@dataclass(frozen=True)
class SlideLook:
    """Stain and scanner of one slide."""

    stains: Stains
    transfer: Array
    """(SIZE, SIZE // 2 + 1): what focus and the scanner's sharpening leave of each spatial frequency."""
    noise: float
    """Standard deviation of the scanner's noise, in grey levels."""

    @classmethod
    def draw(cls, rng: np.random.Generator) -> "SlideLook":
        """Draw a slide's look: a scanner, and the laboratory's variation on it."""
        stains = Stains.draw(rng)
        transfer = _transfer(blur=rng.uniform(0.35, 0.6), sharpening=rng.uniform(0.1, 0.8))
        return cls(stains, transfer.astype(np.float32), rng.uniform(1.0, 3.0))

    def scan(self, concentrations: Array, rng: np.random.Generator) -> NDArray[np.uint8]:
        """Turn concentrations (2, SIZE, SIZE) into a patch (PATCH, PATCH, 3) uint8, RGB: the margin is cut off."""
        thickness = np.float32(np.exp(rng.normal(0, 0.08)))  # a section is not equally thick everywhere
        density = np.tensordot(self.stains.densities.T * thickness, concentrations, 1)
        light = irfft2(rfft2(np.exp(-density)) * self.transfer, s=(SIZE, SIZE))[:, MARGIN:-MARGIN, MARGIN:-MARGIN]
        grain = rng.standard_normal((PATCH, PATCH), dtype=np.float32) * self.noise
        rgb = light.transpose(1, 2, 0) * self.stains.background + grain[..., None]
        return np.clip(np.rint(rgb), 0, 255).astype(np.uint8)


def _transfer(blur: float, sharpening: float) -> Array:
    """Gaussian blur of `blur` pixels, then unsharp masking of a radius of 1.2 px."""
    square = fftfreq(SIZE)[:, None] ** 2 + rfftfreq(SIZE)[None] ** 2
    blurred: Array = np.exp(-2 * (np.pi * blur) ** 2 * square)
    return blurred * (1 + sharpening * (1 - np.exp(-2 * (np.pi * 1.2) ** 2 * square)))
