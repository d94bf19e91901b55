"""The two stains of an H&E image: their colours and strengths, and the one matrix that takes an image to others."""

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from pydantic import ConfigDict

from sentinode.core.stain.optical_density import Densities, StainError

Vector = tuple[float, float, float]

_STRONGEST = 99
"""Percentile of a stain's concentration that counts as its strength (Macenko et al. 2009)."""
_LEAST_ANGLE = 8.0
"""Degrees between the two stains: nearer ones are one stain, and its noise."""
_LEAST_RED = 0.08
"""How much more red haematoxylin absorbs than eosin; of 246 real patches, 1 % had less than 0.105 by Macenko's
method."""
_LEAST_SPREAD = 0.035
"""Standard deviation of density across its main direction. Of those patches 1 % had less than 0.04; painted in their
haematoxylin alone and stored as JPEG, half of them had less than 0.028."""
_LEAST_STRENGTH = 0.05


@dataclass(frozen=True)
class StainVectors:
    """Haematoxylin and eosin of one slide, image or data set, in optical density (natural logarithm)."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    haematoxylin: Vector
    """Red, green and blue, of length 1."""
    eosin: Vector
    strengths: tuple[float, float]
    """99th percentile of the concentration of haematoxylin and of eosin over tissue."""

    @property
    def columns(self) -> NDArray[np.float64]:
        """(3, 2): the two colours side by side."""
        return np.array([self.haematoxylin, self.eosin]).T


def strengths(columns: NDArray[np.float64], density: Densities) -> tuple[float, float]:
    """The 99th percentile of the concentration of each of the two stains `columns` (3, 2), by least squares."""
    concentrations = np.linalg.lstsq(columns, density.T, rcond=None)[0]
    first, second = np.percentile(concentrations, _STRONGEST, axis=1)
    return float(first), float(second)


def as_haematoxylin_and_eosin(columns: NDArray[np.float64], density: Densities) -> StainVectors:
    """Two colours as haematoxylin and eosin, if that is what they can be.

    Haematoxylin is the one that absorbs more red. Eosin absorbs green most and red hardly: that tells H&E from
    haematoxylin and DAB (brown, blue most), from inks, and from two shades of haematoxylin alone.

    Args:
        columns: (3, 2), each of length 1, in either order.
        density: (P, 3) of tissue.

    Raises:
        StainError: They are one stain, or others.
    """
    first, second = columns.T if columns[0, 0] >= columns[0, 1] else columns.T[::-1]
    angle = np.degrees(np.arccos(np.clip(first @ second, -1, 1)))
    spread = np.sqrt(max(0.0, np.linalg.eigvalsh(np.cov(density.T))[1]))
    if angle < _LEAST_ANGLE or first[0] - second[0] < _LEAST_RED or spread < _LEAST_SPREAD:
        raise StainError("one stain")
    if not (_is_haematoxylin(first) and _is_eosin(second)):
        raise StainError("no haematoxylin and eosin")
    found = strengths(np.stack([first, second], axis=1), density)
    if min(found) < _LEAST_STRENGTH:
        raise StainError("one stain")
    return StainVectors(_vector(first), _vector(second), found)


def matrix(source: StainVectors, target: StainVectors) -> NDArray[np.float32]:
    """(3, 3): takes densities of one stain to those of another, as columns: `matrix @ density`.

    Each stain gets the other's colour and strength. What is neither stays what it is, along the direction across both:
    pigment, blood and ink would otherwise be painted as haematoxylin or eosin.
    """
    ratio = np.array(target.strengths) / np.array(source.strengths)
    return np.asarray(
        (_with_normal(target.columns) * np.array([*ratio, 1.0])) @ np.linalg.inv(_with_normal(source.columns)),
        np.float32,
    )


def _with_normal(columns: NDArray[np.float64]) -> NDArray[np.float64]:
    normal = np.cross(columns[:, 0], columns[:, 1])
    return np.column_stack([columns, normal / np.linalg.norm(normal)])


def _is_haematoxylin(vector: NDArray[np.float64]) -> bool:
    red, green, blue = vector
    return bool(red > 0.4 and green > 0.4 and blue > 0)


def _is_eosin(vector: NDArray[np.float64]) -> bool:
    red, green, blue = vector
    return bool(red < 0.5 and green > 0.6 and green > blue)


def _vector(values: NDArray[np.float64]) -> Vector:
    red, green, blue = values.tolist()
    return (red, green, blue)
