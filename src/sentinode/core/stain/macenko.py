"""Stain vectors by Macenko et al. 2009 (A method for normalizing histology slides for quantitative analysis, ISBI).

Densities of two stains lie in a plane; the outermost directions in it, but for one pixel in a hundred, are the stains.
"""

import numpy as np

from sentinode.core.stain.optical_density import Densities
from sentinode.core.stain.stain_vectors import StainVectors, as_haematoxylin_and_eosin

_OUTERMOST = (1, 99)
"""Percentiles of the angle in the plane."""


def macenko(density: Densities) -> StainVectors:
    """The stains of tissue.

    Args:
        density: (P, 3) of tissue.

    Raises:
        StainError: They are one stain, or not haematoxylin and eosin.
    """
    plane = np.linalg.eigh(np.cov(density.T))[1][:, 1:]  # (3, 2), by rising variance
    # Towards the tissue: an axis that points away would put the angles on both sides of π, where they jump.
    plane = plane * np.where(plane.sum(axis=0) < 0, -1, 1)
    along = density @ plane
    angles = np.percentile(np.arctan2(along[:, 0], along[:, 1]), _OUTERMOST)
    columns = plane @ np.stack([np.sin(angles), np.cos(angles)])
    return as_haematoxylin_and_eosin(columns, density)
