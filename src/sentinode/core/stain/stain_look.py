"""How an image is stained, by one of three methods: of one image, and of the many of a slide or of a data set."""

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from sentinode.core.stain.macenko import macenko
from sentinode.core.stain.optical_density import StainError, densities, tissue_densities, tissue_of
from sentinode.core.stain.reinhard import ReinhardStatistics, reinhard
from sentinode.core.stain.stain_vectors import StainVectors
from sentinode.core.stain.vahadane import vahadane

Method = Literal["macenko", "vahadane", "reinhard"]
Look = StainVectors | ReinhardStatistics

_STEP = 2
"""Every second pixel each way says as much about an image's stain."""


def image_look(method: Method, image: NDArray[np.uint8]) -> Look:
    """How one image is stained; glass, ink, pigment and borders are left out.

    Args:
        method: Of estimation.
        image: (H, W, 3) uint8 RGB.

    Raises:
        StainError: It can't be told.

    Example:
        >>> image_look("macenko", np.full((96, 96, 3), 240, np.uint8))
        Traceback (most recent call last):
        sentinode.core.stain.optical_density.StainError: too little tissue
    """
    pixels = image[::_STEP, ::_STEP].reshape(-1, 3)
    density = tissue_densities(pixels)
    if method == "reinhard":
        return reinhard(pixels[tissue_of(densities(pixels))])
    return (macenko if method == "macenko" else vahadane)(density)


def middle_look(looks: Sequence[Look]) -> Look:
    """The median of what was found in several images of one stain, or of a data set, number by number.

    Pixels of several stains thrown together have no two stains: of 500 PCam patches Macenko's method then finds vectors
    that none of them has. And a median passes over tiles of pigment, ink or blood.

    Args:
        looks: At least one, all by the same method.
    """
    if all(isinstance(look, StainVectors) for look in looks):
        vectors = [look for look in looks if isinstance(look, StainVectors)]
        columns = np.median([look.columns for look in vectors], axis=0)
        columns /= np.linalg.norm(columns, axis=0)
        first, second = np.median([look.strengths for look in vectors], axis=0)
        (a, b, c), (d, e, f) = columns.T.tolist()
        return StainVectors((a, b, c), (d, e, f), (float(first), float(second)))
    statistics = [look for look in looks if isinstance(look, ReinhardStatistics)]
    (a, b, c), (d, e, f) = (
        np.median([getattr(look, name) for look in statistics], axis=0).tolist() for name in ("mean", "deviation")
    )
    return ReinhardStatistics((a, b, c), (d, e, f))


def common_look(method: Method, images: Sequence[NDArray[np.uint8]]) -> Look:
    """How the images of one slide, or of a data set, are stained.

    Args:
        method: Of estimation.
        images: Some of them, (H, W, 3) uint8 RGB.

    Raises:
        StainError: It can be told of less than a quarter of them; the reason is the most frequent one.
    """
    looks: list[Look] = []
    reasons: list[StainError] = []
    for image in images:
        try:
            looks.append(image_look(method, image))
        except StainError as error:
            reasons.append(error)
    if not looks or len(looks) * 4 < len(images):
        names = [error.reason for error in reasons]
        raise StainError(max(names, key=names.count) if names else "too little tissue")
    return middle_look(looks)
