"""Patches of nuclei on stroma with known stains, and what can't be normalised."""

import numpy as np
from numpy.typing import NDArray

from sentinode.core.stain.stain_vectors import StainVectors

HAEMATOXYLIN = (0.60, 0.70, 0.38)
EOSIN = (0.20, 0.90, 0.38)
Vector = tuple[float, float, float]


def unit(vector: Vector) -> NDArray[np.float64]:
    """The vector with length 1."""
    return np.asarray(np.array(vector) / np.linalg.norm(vector))


def angle_between(one: StainVectors, other: StainVectors) -> float:
    """The larger of the two angles between the same stain of both, in degrees."""
    cosines = (one.columns * other.columns).sum(axis=0)
    return float(np.degrees(np.arccos(np.clip(cosines, -1, 1))).max())


def stained(
    seed: int,
    haematoxylin: Vector = HAEMATOXYLIN,
    eosin: Vector = EOSIN,
    *,
    amounts: tuple[float, float] = (2.0, 1.2),
    side: int = 96,
) -> NDArray[np.uint8]:
    """(side, side, 3): round nuclei on stroma of uneven density; `amounts` are the densest of either stain."""
    concentrations = mixed(seed, amounts, side)
    return shown(concentrations @ np.stack([unit(haematoxylin), unit(eosin)]))


def mixed(seed: int, amounts: tuple[float, float], side: int = 96) -> NDArray[np.float64]:
    """(side, side, 2) concentrations of haematoxylin and eosin."""
    rng = np.random.default_rng(seed)
    rows, columns = np.mgrid[:side, :side]
    nuclei = np.zeros((side, side))
    for _ in range(side * side // 250):
        y, x = rng.uniform(0, side, 2)
        inside = ((rows - y) ** 2 + (columns - x) ** 2) < rng.uniform(3, 5) ** 2
        nuclei[inside] = rng.uniform(0.6, 1.0)
    texture = 0.7 + 0.3 * rng.random((side, side))
    stroma = np.where(nuclei > 0, 0.08, rng.uniform(0.4, 1.0, (side, side)))
    return np.stack([amounts[0] * np.maximum(nuclei, 0.04) * texture, amounts[1] * stroma], axis=-1)


def shown(density: NDArray[np.float64]) -> NDArray[np.uint8]:
    """Optical density (…, 3), natural logarithm, as uint8 RGB."""
    return np.asarray(np.rint(256 * np.exp(-density) - 1).clip(0, 255), np.uint8)
