"""Classical descriptors of an image, for baselines: raw pixels, colour and stain, texture. Every column has a name."""

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray
from skimage import feature

from sentinode.core.files import sha256_of_json
from sentinode.core.stain_statistics import STAIN_COLUMNS, stain_statistics
from sentinode.models.feature_space import FeatureSpace

_skimage: Any = feature  # without type hints of its own

Floats = NDArray[np.float32]
Describe = Callable[[NDArray[np.uint8]], Floats]

PIXELS_SIDE = 16
"""Side in pixels to which `pixels` shrinks an image: 768 numbers."""

_VERSION = 1  # counted up when a descriptor gives other numbers than before: cached ones are then made anew
_RADII = (1, 2, 3)
_DISTANCES = (1, 2, 4)
_ANGLES = (0.0, np.pi / 4, np.pi / 2, 3 * np.pi / 4)
_LEVELS = 32
_PROPERTIES = ("contrast", "dissimilarity", "homogeneity", "ASM", "correlation")
_COLOURS = ("red", "green", "blue")
_PERCENTILES = (5, 25, 50, 75, 95)
_GREY = np.array([0.299, 0.587, 0.114], dtype=np.float32)  # ITU-R BT.601


def pixels(tiles: NDArray[np.uint8]) -> Floats:
    """The image itself, shrunk to 16 × 16 by averaging areas, scaled to 0–1: (N, H, W, 3) uint8 → (N, 768)."""
    rows, columns = (_area_matrix(side, PIXELS_SIDE) for side in tiles.shape[1:3])
    shrunk = np.einsum("yh,nhwc,xw->nyxc", rows, tiles.astype(np.float32), columns, optimize=True)
    return np.asarray(shrunk / 255, dtype=np.float32).reshape(len(tiles), len(columns_of("pixels")))


def colour(tiles: NDArray[np.uint8]) -> Floats:
    """Mean, spread and percentiles of the colours, mean and spread of both stains: (N, H, W, 3) uint8 → (N, 25).

    Stains by Ruifrok and Johnston 2001, see `sentinode.core.stain_statistics`.
    """
    count, height, width, _ = tiles.shape
    channels = tiles.reshape(count, height * width, 3)
    percentiles: Floats = np.percentile(channels, _PERCENTILES, axis=1).astype(np.float32)  # (5, N, 3)
    columns = percentiles.transpose(1, 2, 0).reshape(count, 3 * len(_PERCENTILES))
    return np.concatenate([stain_statistics(tiles), columns], axis=1)


def texture(tiles: NDArray[np.uint8]) -> Floats:
    """Local binary patterns and grey-level co-occurrence of the grey image: (N, H, W, 3) uint8 → (N, 84).

    Uniform, rotation-invariant patterns (Ojala, Pietikäinen and Mäenpää 2002) at radii of 1, 2 and 3 px, as shares;
    five properties of the co-occurrence matrix (Haralick, Shanmugam and Dinstein 1973) of 32 grey levels at 1, 2 and
    4 px, their mean over four directions and their range over them.
    """
    grey = np.rint(tiles @ _GREY).astype(np.uint8)
    described = [np.concatenate([_patterns(image), _co_occurrence(image)]) for image in grey]
    return np.array(described, dtype=np.float32).reshape(len(tiles), len(columns_of("texture")))


DESCRIPTORS: dict[str, Describe] = {"pixels": pixels, "colour": colour, "texture": texture}
"""Each takes tiles (N, H, W, 3) uint8, RGB, and gives (N, D) float32, its columns named by `columns_of`."""


def columns_of(kind: str) -> tuple[str, ...]:
    """Names of the columns of a descriptor."""
    if kind == "pixels":
        side = range(PIXELS_SIDE)
        return tuple(f"{name}_{y:02d}_{x:02d}" for y in side for x in side for name in _COLOURS)
    if kind == "colour":
        return (*STAIN_COLUMNS, *(f"{name}_p{part:02d}" for name in _COLOURS for part in _PERCENTILES))
    patterns = [f"lbp_r{radius}_{code}" for radius in _RADII for code in range(8 * radius + 2)]
    places = [(name.lower(), distance) for name in _PROPERTIES for distance in _DISTANCES]
    return (*patterns, *(f"glcm_{name}_d{d}_{what}" for name, d in places for what in ("mean", "range")))


def space_of(kind: str, tile_size: int) -> FeatureSpace:
    """What the features of a descriptor are."""
    return FeatureSpace(kind, kind, tile_size, sha256_of_json([kind, _VERSION, tile_size, columns_of(kind)]))


def _patterns(grey: NDArray[np.uint8]) -> Floats:
    shares = []
    for radius in _RADII:
        codes = _skimage.local_binary_pattern(grey, 8 * radius, radius, method="uniform").astype(np.int64)
        shares.append(np.bincount(codes.ravel(), minlength=8 * radius + 2) / codes.size)
    return np.concatenate(shares).astype(np.float32)


def _co_occurrence(grey: NDArray[np.uint8]) -> Floats:
    levels = grey // (256 // _LEVELS)
    matrix = _skimage.graycomatrix(levels, _DISTANCES, _ANGLES, levels=_LEVELS, symmetric=True, normed=True)
    values = np.stack([_skimage.graycoprops(matrix, name) for name in _PROPERTIES])  # (properties, distances, angles)
    return np.stack([values.mean(axis=2), np.ptp(values, axis=2)], axis=2).ravel().astype(np.float32)


def _area_matrix(source: int, target: int) -> Floats:
    """(target, source): the share of each source pixel in each target pixel, rows summing to one."""
    edges = np.linspace(0, source, target + 1)
    low, high = edges[:-1, None], edges[1:, None]
    cell = np.arange(source)[None, :]
    overlap = np.clip(np.minimum(high, cell + 1) - np.maximum(low, cell), 0, None)
    return np.asarray(overlap / overlap.sum(axis=1, keepdims=True), dtype=np.float32)
