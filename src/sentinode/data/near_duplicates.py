"""Near duplicates: the same picture again: recompressed, turned, mirrored, brightened, blurred, shifted a little.

Images are compared as small grey looks. Candidates are those whose magnitudes of low spatial frequencies under a smooth
window are close, which hardly change with a shift and not at all with a flip or a quarter turn: products of matrices,
whose cost grows as the square of the number of images, but is small. Two candidates are near duplicates when their
local contrast correlates by at least `CORRELATION` in one of the eight flips and quarter turns and one of the shifts.
Near-blank images all resemble each other and say nothing: they are left out.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import uniform_filter

CORRELATION = 0.8
"""Least correlation of local contrast. Of 400 patches of PatchCamelyon 99 of 100 copies that were turned, shifted by up
to 3 of 88 pixels each way and recompressed at quality 50 stay above 0.88; of 159 pairs of candidates among 21,746
different patches none reaches it."""

REACH = 1 / 16
"""Longest shift that is looked for, each way, as a share of the image's side: 6 pixels of 96."""

EVEN_TONE, EVEN_SHARE = 20, 0.95
"""An image is near-blank when this share of its pixels lies within so many grey levels (of 255) of its median."""

_LOOK = 32  # side of the look that frequencies are taken from: coarse enough that a pixel of 96 is a third of a cell
_FREQUENCIES = 8
_BLOCK = 2048, 8192  # images that are held against each other at a time: 64 MB of products
# Distance of features of length 1: 99 of 100 copies as above lie within 0.12, and 99 of 100 that are shifted by 4
# pixels within 0.14; of 21,746 different patches 159 pairs do, which are then compared.
_RADIUS = 0.14
_COMPARED = 48  # side of the look that contrast is compared in
_LOCAL = 9  # cells that a cell's contrast is taken against: wider, and an edge of tissue outweighs what lies in it


@dataclass(frozen=True)
class Tones:
    """What the search needs to know of each of N images."""

    features: NDArray[np.float32]
    """(N, F): square roots of frequencies' magnitudes, scaled to length 1: the same for all eight flips and turns."""
    even: NDArray[np.bool_]
    """(N,): near-blank images, of one tone."""

    @classmethod
    def of(cls, images: Iterable[NDArray[np.uint8]]) -> "Tones":
        """Tones of some images (H, W, 3), which may differ in size."""
        greys = [Image.fromarray(image).convert("L") for image in images]
        looks = np.stack([_look(grey, _LOOK) for grey in greys])
        return cls(_features(looks), even_tone(np.array([grey.histogram() for grey in greys])))

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


def even_tone(histograms: NDArray[np.integer[Any]]) -> NDArray[np.bool_]:
    """Which images, given as counts of their grey levels (N, 256), are near-blank: bare glass, the inside of a fat
    cell, a black frame."""
    below = np.cumsum(histograms, axis=1)
    pixels = below[:, -1:]
    median = (2 * below >= pixels).argmax(axis=1)[:, None]
    near = np.abs(np.arange(histograms.shape[1]) - median) <= EVEN_TONE
    return np.asarray((histograms * near).sum(axis=1) >= EVEN_SHARE * pixels[:, 0])


def near_pairs(images: Sequence[NDArray[np.uint8]], tones: Tones, candidates: NDArray[np.intp]) -> list[NearPair]:
    """Near duplicates among the images at `candidates`, best first; each pair once, `first` < `second`."""
    rows = candidates[~tones.even[candidates]]
    if len(rows) < 2:
        return []
    pairs = rows[_close(tones.features[rows])]
    compared = [NearPair(int(a), int(b), best_correlation(images[int(a)], images[int(b)])) for a, b in pairs]
    return sorted((pair for pair in compared if pair.correlation >= CORRELATION), key=lambda pair: -pair.correlation)


def best_correlation(one: NDArray[np.uint8], other: NDArray[np.uint8]) -> float:
    """Correlation of two (H, W, 3) images' local contrast in the flip, quarter turn and shift where it is greatest."""
    reach = round(REACH * _COMPARED)
    fixed, moving = _contrast(one), _contrast(other)
    side = _COMPARED - 2 * reach
    inner = slice(reach, reach + side)
    turned = [np.rot90(image, k)[inner, inner] for image in (fixed, fixed.T) for k in range(4)]
    shifted = sliding_window_view(moving, (side, side))
    return float((_standard(shifted.reshape(-1, side**2)) @ _standard(np.stack(turned).reshape(8, -1)).T).max())


def _close(features: NDArray[np.float32]) -> NDArray[np.intp]:
    """Places (P, 2) of pairs of features within the radius, the first before the second."""
    least = 1 - _RADIUS**2 / 2  # of length 1, so their product says how far they are apart
    found = [np.empty((0, 2), np.intp)]
    for top in range(0, len(features), _BLOCK[0]):
        for left in range(top, len(features), _BLOCK[1]):
            products = features[top : top + _BLOCK[0]] @ features[left : left + _BLOCK[1]].T
            found.append(np.argwhere(products >= least) + np.array([top, left]))
    pairs = np.concatenate(found)
    return pairs[pairs[:, 0] < pairs[:, 1]]


def _look(grey: Image.Image, side: int) -> NDArray[np.float32]:
    """Grey levels (side, side), smoothed as they are reduced; what is not square is made so."""
    # In floats: Pillow would round after each of the two axes, and a turned image would give another look.
    return np.asarray(grey.convert("F").resize((side, side), Image.Resampling.BILINEAR), np.float32)


def _features(looks: NDArray[np.float32]) -> NDArray[np.float32]:
    """(N, side, side) looks to (N, F): a flip changes signs of frequencies, a quarter turn also swaps the two axes."""
    window, waves = _windowed_waves(looks.shape[1])
    weights = np.outer(window, window) / window.sum() ** 2
    levelled = looks - (looks * weights).sum(axis=(1, 2), keepdims=True)  # or the mean would leak into the lowest ones
    products = waves @ levelled @ waves.T
    n = len(waves) // 2
    cc, cs, sc, ss = products[:, :n, :n], products[:, :n, n:], products[:, n:, :n], products[:, n:, n:]
    rising, falling = np.hypot(cc - ss, cs + sc), np.hypot(cc + ss, sc - cs)
    across, up = (index[1:] for index in np.triu_indices(n))
    same = np.stack([part[:, i, j] for part in (rising, falling) for i, j in ((across, up), (up, across))])
    features = np.sqrt(np.concatenate([same.mean(axis=0), same.std(axis=0)], axis=1))
    return np.asarray(features / np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-6), np.float32)


def _windowed_waves(side: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Hann's window (side), and cosines and sines under it (2 · frequencies, side)."""
    at = (np.arange(side) + 0.5) / side
    window = np.sin(np.pi * at) ** 2
    angles = 2 * np.pi * np.arange(_FREQUENCIES + 1)[:, None] * at
    return window.astype(np.float32), (window * np.concatenate([np.cos(angles), np.sin(angles)])).astype(np.float32)


def _contrast(image: NDArray[np.uint8]) -> NDArray[np.float32]:
    """A look less its surroundings, smoothed by a cell, so that half a cell of shift does no harm."""
    look = np.pad(_look(Image.fromarray(image).convert("L"), _COMPARED), 1, "edge")
    down = (look[:-2] + 2 * look[1:-1] + look[2:]) / 4
    smooth = (down[:, :-2] + 2 * down[:, 1:-1] + down[:, 2:]) / 4
    return np.asarray(smooth - uniform_filter(smooth, _LOCAL, mode="nearest"), np.float32)


def _standard(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    """Rows (N, P) with mean 0 and length 1."""
    centred = rows - rows.mean(axis=1, keepdims=True)
    return np.asarray(centred / np.maximum(np.linalg.norm(centred, axis=1, keepdims=True), 1e-6), np.float32)
