"""Clean-up of a tissue mask in µm: thin walls off, small pieces off, small holes filled."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

Bool = NDArray[np.bool_]


def circle_px(diameter_um: float, um_per_px: float) -> float:
    """The area of a circle in pixels."""
    return math.pi * (diameter_um / 2 / um_per_px) ** 2


def without_thin(mask: Bool, thickness_um: float, um_per_px: float) -> Bool:
    """Without structures thinner than `thickness_um`; what is thicker keeps its outline.

    An opening with a disk, and then back to the outline as far as one diameter of the disk reaches.
    """
    radius = thickness_um / 2 / um_per_px
    if radius < 0.5:
        return mask
    reach = math.ceil(radius - 0.5)
    y, x = np.mgrid[-reach : reach + 1, -reach : reach + 1]
    opened = ndimage.binary_opening(mask, y * y + x * x <= radius * radius)
    return np.asarray(ndimage.binary_dilation(opened, iterations=max(1, round(2 * radius)), mask=mask) & mask)


def without_small(mask: Bool, smallest_px: float) -> Bool:
    """Without pieces (8-connected) of an area under `smallest_px` pixels."""
    labels, _ = ndimage.label(mask, np.ones((3, 3)))
    keep = np.bincount(labels.ravel()) >= smallest_px
    keep[0] = False
    return np.asarray(keep[labels])


def without_holes(mask: Bool, largest_px: float) -> Bool:
    """With holes (4-connected) of an area under `largest_px` pixels filled; what touches the rim is no hole."""
    labels, _ = ndimage.label(~mask)
    fill = np.bincount(labels.ravel()) < largest_px
    fill[0] = False
    for side in (labels[0], labels[-1], labels[:, 0], labels[:, -1]):
        fill[side] = False
    return np.asarray(mask | fill[labels])
