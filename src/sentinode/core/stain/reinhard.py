"""Mean and deviation of colour, and how one image gets those of others (Reinhard et al. 2001, doi:10.1109/38.946629).

In CIELAB (D65), as histology uses it, in the place of the paper's lαβ.
"""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from sentinode.core.stain.optical_density import StainError

Triple = tuple[float, float, float]

_TO_XYZ = np.array(
    [[0.412453, 0.357580, 0.180423], [0.212671, 0.715160, 0.072169], [0.019334, 0.119193, 0.950227]], np.float32
)
_WHITE = np.array([0.95047, 1.0, 1.08883], np.float32)
_TO_CONES = (_TO_XYZ / _WHITE[:, None]).T
_FROM_CONES = np.linalg.inv(_TO_CONES)
# Rows: what x, y and z give of L, a and b.
_TO_LAB = np.array([[0, 500, 0], [116, -500, 200], [0, 0, -200]], np.float32)
_FROM_LAB = np.linalg.inv(_TO_LAB)
_VALUE = np.arange(256) / 255
_LINEAR = np.where(_VALUE > 0.04045, ((_VALUE + 0.055) / 1.055) ** 2.4, _VALUE / 12.92).astype(np.float32)
_LEAST_DEVIATION = 0.5


@dataclass(frozen=True)
class ReinhardStatistics:
    """Mean and standard deviation of L, a and b over the tissue of one slide, image or data set."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    mean: Triple
    deviation: Triple


def reinhard(pixels: NDArray[np.uint8]) -> ReinhardStatistics:
    """The statistics of stained tissue.

    Args:
        pixels: (P, 3) uint8 RGB of tissue.

    Raises:
        StainError: It has one colour only.
    """
    values = lab(pixels).reshape(-1, 3).astype(np.float64)
    deviation = values.std(axis=0)
    if deviation.min() < _LEAST_DEVIATION:
        raise StainError("one stain")
    return ReinhardStatistics(_triple(values.mean(axis=0)), _triple(deviation))


def lab(pixels: NDArray[np.uint8]) -> NDArray[np.float32]:
    """(…, 3) uint8 sRGB → (…, 3) CIELAB, L from 0 to 100."""
    cones = _LINEAR[pixels] @ _TO_CONES
    bent = np.where(cones > 0.008856, np.cbrt(cones), 7.787 * cones + 16 / 116)
    values: NDArray[np.float32] = bent @ _TO_LAB
    values[..., 0] -= 16
    return values


def rgb(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(…, 3) CIELAB → (…, 3) uint8 sRGB; colours that it hasn't are clipped."""
    bent = (values + np.array([16, 0, 0], np.float32)) @ _FROM_LAB
    cones = np.where(bent > 0.2068966, bent**3, (bent - 16 / 116) / 7.787)
    linear = np.clip(cones @ _FROM_CONES, 0, 1)
    value = np.where(linear > 0.0031308, 1.055 * linear ** (1 / 2.4) - 0.055, 12.92 * linear)
    return np.asarray(np.rint(255 * value), np.uint8)


def _triple(values: NDArray[np.float64]) -> Triple:
    first, second, third = values.tolist()
    return (first, second, third)
