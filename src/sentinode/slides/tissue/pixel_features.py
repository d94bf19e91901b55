"""What a learned tissue mask sees of each pixel of an overview: colour, its surroundings, and texture."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sentinode.slides.tissue.stain import glass_colour, optical_density

FEATURES = (
    "od_red",
    "od_green",
    "od_blue",
    "chroma",
    "ink",
    "od_red_near",
    "od_green_near",
    "od_blue_near",
    "od_green_far",
    "chroma_far",
    "texture_near",
    "texture_far",
)
"""Optical density (decadic, above the slide's glass) by colour; chroma: green over the lesser of red and blue; ink: red
over green; near and far: means over 24 and 64 µm; texture: mean absolute Laplacian of density over 40 and 100 µm."""

_NEAR_UM, _FAR_UM = 24.0, 64.0
_TEXTURE_UM = (40.0, 100.0)


def reach_px(um_per_px: float) -> int:
    """How far from a pixel its features look, in pixels."""
    return round(max(_FAR_UM, *_TEXTURE_UM) / um_per_px) // 2 + 2


def pixel_features(
    overview: NDArray[np.uint8], um_per_px: float, glass: NDArray[np.float32] | None = None
) -> NDArray[np.float32]:
    """(h, w, len(FEATURES)) float32 of an overview (h, w, 3) uint8 at `um_per_px`.

    `glass` is the colour (3,) of the slide's glass, for a part of an overview, which may show none.
    """
    density = optical_density(overview, glass_colour(overview) if glass is None else glass)
    red, green, blue = density
    chroma = green - np.minimum(red, blue)
    edges = np.abs(ndimage.laplace(density.mean(axis=0), mode="nearest"))
    near, far = _mean_over(_NEAR_UM, um_per_px), _mean_over(_FAR_UM, um_per_px)
    planes = [red, green, blue, chroma, red - green, near(red), near(green), near(blue), far(green), far(chroma)]
    planes += [_mean_over(size, um_per_px)(edges) for size in _TEXTURE_UM]
    return np.stack(planes, axis=2).astype(np.float32)


def with_products(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, F) → (N, F + F(F + 1)/2): the columns and all their products, so that a linear model can bend."""
    first, second = np.triu_indices(values.shape[1])
    return np.hstack([values, values[:, first] * values[:, second]])


def _mean_over(size_um: float, um_per_px: float) -> Callable[[NDArray[np.float32]], NDArray[np.float32]]:
    size = max(1, round(size_um / um_per_px))
    return lambda plane: np.asarray(ndimage.uniform_filter(plane, size, mode="nearest"))
