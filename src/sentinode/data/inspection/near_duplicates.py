"""Near duplicates: the same picture again, turned, mirrored, recompressed, brightened or a little blurred.

Two images are near duplicates when their low frequencies agree and, in one of the eight flips and quarter turns, their
grey levels, reduced to about 24 × 24 px, correlate by at least `CORRELATION`. Candidates are a few neighbours of each
image in a search tree, so the cost grows as N log N and not with the square. Near-blank images all resemble each other
and say nothing: they are left out. An overlap that is shifted by a pixel or more is not looked for.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.fft import dct
from scipy.spatial import cKDTree

from sentinode.data.dataset import Images

CORRELATION = 0.95
"""Least correlation of reduced grey levels. JPEG at quality 20 or a blur of 1 px stays above it, other tissue below."""

EVEN_TONE, EVEN_SHARE = 20, 0.95
"""An image is near-blank when this share of its pixels lies within so many grey levels (of 255) of its median."""

_FREQUENCIES = 8
_DIMENSIONS = 12  # of the search tree: more would slow it down, fewer would give more candidates to compare
_NEIGHBOURS = 8
# Distance of features of length 1. JPEG at quality 20 moves 99 of 100 patches of PatchCamelyon by less than 0.11, while
# of 21,900 different ones that are not near-blank no two are closer than 0.14.
_RADIUS = 0.12
_REDUCED = 24
_GREY = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601 luma


@dataclass(frozen=True)
class Tones:
    """What the search needs to know of each of N images."""

    features: NDArray[np.float32]
    """(N, F): magnitudes of low frequencies, scaled to length 1: the same for all eight flips and quarter turns."""
    even: NDArray[np.bool_]
    """(N,): near-blank images, of one tone."""

    @classmethod
    def of(cls, tiles: NDArray[np.uint8]) -> "Tones":
        """Tones of (N, H, W, 3) uint8 tiles."""
        grey = tiles @ _GREY
        rows, columns = (_cosines(size) for size in tiles.shape[1:3])
        return cls(_invariants(rows @ grey @ columns.T), even_tone(grey))

    @classmethod
    def join(cls, parts: Sequence["Tones"]) -> "Tones":
        """The tones of several lots of images, one after the other."""
        return cls(np.concatenate([part.features for part in parts]), np.concatenate([part.even for part in parts]))


@dataclass(frozen=True)
class NearPair:
    """Positions of two images that are near duplicates."""

    first: int
    second: int
    correlation: float


def even_tone(grey: NDArray[np.floating[Any]]) -> NDArray[np.bool_]:
    """Which of (N, H, W) grey images are near-blank: bare glass, the inside of a fat cell, a black frame."""
    flat = grey.reshape(len(grey), -1)
    share = (np.abs(flat - np.median(flat, axis=1, keepdims=True)) <= EVEN_TONE).mean(axis=1)
    return np.asarray(share >= EVEN_SHARE)


def _cosines(size: int) -> NDArray[np.float32]:
    return dct(np.eye(size), norm="ortho", axis=0)[:_FREQUENCIES].astype(np.float32)


def _invariants(spectrum: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, F, F) cosine spectra to (N, F²-1): a flip changes signs only, a quarter turn also swaps the two axes."""
    across, up = np.triu_indices(_FREQUENCIES, k=1)
    size = np.abs(spectrum)
    one, other = size[:, across, up], size[:, up, across]
    diagonal = size[:, range(1, _FREQUENCIES), range(1, _FREQUENCIES)]
    features = np.concatenate([(one + other) / np.sqrt(2), np.abs(one - other) / np.sqrt(2), diagonal], axis=1)
    return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6), np.float32)


def near_pairs(images: Images, tones: Tones, candidates: NDArray[np.intp]) -> list[NearPair]:
    """Near duplicates among the images at `candidates`, best first; each pair once, `first` < `second`."""
    rows = candidates[~tones.even[candidates]]
    if len(rows) < 2:
        return []
    features = tones.features[rows]
    projected = features @ _main_directions(features)
    # A projection shortens distances, never lengthens them: no pair within the radius is lost here.
    distance, neighbour = cKDTree(projected).query(projected, k=_NEIGHBOURS, distance_upper_bound=_RADIUS)
    one, place = np.nonzero(np.isfinite(distance))
    both = np.stack([one, np.asarray(neighbour)[one, place]], axis=1)
    pairs = np.unique(np.sort(both, axis=1), axis=0)
    gap = np.linalg.norm(features[pairs[:, 0]] - features[pairs[:, 1]], axis=1)
    pairs = rows[pairs[(pairs[:, 0] != pairs[:, 1]) & (gap <= _RADIUS)]]
    compared = [NearPair(int(a), int(b), best_correlation(images[int(a)], images[int(b)])) for a, b in pairs]
    return sorted((pair for pair in compared if pair.correlation >= CORRELATION), key=lambda pair: -pair.correlation)


def _main_directions(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """(F, D): orthonormal directions in which the features vary most."""
    _, vectors = np.linalg.eigh(np.cov(features[:: max(1, len(features) // 20_000)], rowvar=False))
    return vectors[:, -_DIMENSIONS:].astype(np.float32)


def best_correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Correlation of two (H, W, 3) images' reduced grey levels in the flip or quarter turn where it is greatest."""
    fixed, moving = _reduced(one), _reduced(other)
    turns = [np.rot90(image, k) for image in (moving, moving.T) for k in range(4)]
    return max(float((fixed * turned).sum()) for turned in turns if turned.shape == fixed.shape)


def _reduced(image: NDArray[np.uint8]) -> NDArray[np.float64]:
    """Grey levels at about 24 px, mean 0 and length 1."""
    grey = Image.fromarray(image).convert("L")
    small = np.asarray(grey.reduce(max(1, min(grey.size) // _REDUCED)), np.float64)
    small -= small.mean()
    return small / max(float(np.linalg.norm(small)), 1e-9)
