"""Whole stain appearances of the training data, and how an image of one comes to look as if stained like another.

Jitter of single stains makes variants of the laboratories that were seen; what a slide of another one looks like is
haematoxylin, eosin, thickness and scanner at once. Here the appearances are those of the training data's own slides (or
clusters of similar stain, where slides are not known), and any image can be given any of them (in the spirit of
RandStainNA, Shen et al. 2022, arXiv:2206.12694). It also uncouples stain and label: a laboratory that only ever gave
normal tissue would make its stain a sign of normal, unless tumour of other slides is seen in it, too.

An appearance is the second moment of optical density over tissue, a 3 × 3 matrix M. The symmetric map that turns one
moment into another and moves colours least (Gaussian optimal transport) is applied to densities: white stays white, and
differences between the tissues of a slide stay what they are, as the statistics are those of slides and not of patches.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans

_CLUSTERS = 24
_FITTED = 20_000
_STEP = 4
"""Every fourth pixel each way says enough about an image's stain."""
_BATCH = 1024
_TISSUE_DENSITY = (0.1, 1.6)
"""Mean optical density (natural logarithm) of the pixels that count: glass is below, pigment, ink and folds above."""
_LEAST_PIXELS = 12
_GAIN = (0.4, 2.5)
"""No colour axis is stretched or shrunk beyond this: it would blow up the file's compression."""


@dataclass(frozen=True, eq=False)
class Appearances:
    """K appearances, and which of them each of n images has."""

    of_image: NDArray[np.int64]
    """(n,), from 0 to K - 1."""
    transfers: NDArray[np.float32]
    """(K, K, 3, 3): `transfers[a, b]` takes densities (3,) of appearance a to those of b."""
    weights: NDArray[np.float32]
    """(K,), summing to 1: how often each is drawn. Known slides and clusters have a half each."""


def find_appearances(
    tiles: NDArray[np.uint8],
    rows: NDArray[np.int64],
    groups: Sequence[str],
    seed: int,
    more: NDArray[np.uint8] | None = None,
) -> Appearances:
    """The appearances of a training split.

    Args:
        tiles: (M, H, W, 3) uint8, RGB.
        rows: (n,) which of them.
        groups: The slide or patient of each image; empty where it is not known: such images are put into clusters of
            similar stain.
        seed: Of the clustering.
        more: (m, H, W, 3): further images, of unknown slides, that come after those of the rows.
    """
    described = [_describe(tiles, rows)]
    if more is not None:
        described.append(_describe(more, np.arange(len(more))))
    moments, hues, counts = (np.concatenate(parts) for parts in zip(*described, strict=True))
    names = np.array([*groups, *[""] * (len(moments) - len(groups))], dtype=object)
    known = names != ""
    names[~known] = _clusters(hues[~known], seed)
    present, of_image = np.unique(names.astype(str), return_inverse=True)
    totals = np.zeros((len(present), 3, 3))
    weights = np.zeros(len(present))
    np.add.at(totals, of_image, moments)
    np.add.at(weights, of_image, counts)
    mean = totals.sum(axis=0) / max(weights.sum(), 1)
    # One with hardly any tissue in it keeps to the mean of all.
    means = np.where(weights[:, None, None] >= _LEAST_PIXELS, totals / np.maximum(weights, 1)[:, None, None], mean)
    means += 1e-4 * np.eye(3)
    transfers = np.stack([[_transport(one, other) for other in means] for one in means]).astype(np.float32)
    is_known = np.isin(present, names[known].astype(str))
    return Appearances(of_image.astype(np.int64), transfers, _shares(is_known))


def _describe(
    tiles: NDArray[np.uint8], rows: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
    """Of each image: the sum of density · densityᵀ over tissue (n, 3, 3), hues (n, 5) and pixels of tissue (n,)."""
    moments, hues, counts = [], [], []
    for part in np.array_split(rows, len(rows) // _BATCH + 1):
        pixels = tiles[part][:, ::_STEP, ::_STEP].reshape(len(part), -1, 3).astype(np.float64)
        density = -np.log((pixels + 1) / 256)
        strength = density.mean(axis=2)
        tissue = (strength > _TISSUE_DENSITY[0]) & (strength < _TISSUE_DENSITY[1])
        some = density * tissue[:, :, None]
        moments.append(np.einsum("npc,npd->ncd", some, some))
        counts.append(tissue.sum(axis=1))
        # Nuclei are the darker half of tissue, and have another hue than what lies between them.
        middle = np.array([np.median(s[t]) if t.any() else 0 for s, t in zip(strength, tissue, strict=True)])
        dark = tissue & (strength >= middle[:, None])
        light = tissue & ~dark
        both = [_hue(density, which) for which in (dark, light)]
        level = (strength * dark).sum(axis=1) / np.maximum(dark.sum(axis=1), 1)
        hues.append(np.concatenate([*both, level[:, None] / 4], axis=1))
    return np.concatenate(moments), np.concatenate(hues), np.concatenate(counts).astype(np.float64)


def _hue(density: NDArray[np.float64], which: NDArray[np.bool_]) -> NDArray[np.float64]:
    """(n, 2): shares of red and blue in the density of the pixels `which` (n, p)."""
    total = (density * which[:, :, None]).sum(axis=1)
    shares: NDArray[np.float64] = (total / np.maximum(total.sum(axis=1, keepdims=True), 1e-6))[:, [0, 2]]
    return shares


def _clusters(hues: NDArray[np.float64], seed: int) -> NDArray[np.object_]:
    if not len(hues):
        return np.empty(0, dtype=object)
    count = min(_CLUSTERS, len(np.unique(hues, axis=0)))
    fitted_on = np.random.default_rng(seed).permutation(len(hues))[:_FITTED]
    numbers = KMeans(count, n_init=2, random_state=seed).fit(hues[fitted_on]).predict(hues)
    return np.array([f"\0stain-{number:02d}" for number in numbers], dtype=object)  # no slide is called so


def _transport(source: NDArray[np.float64], target: NDArray[np.float64]) -> NDArray[np.float64]:
    """The symmetric A with A · source · A = target, its stretches kept within `_GAIN`."""
    root = _power(source, 0.5)
    inverse = _power(source, -0.5)
    middle = inverse @ _power(root @ target @ root, 0.5) @ inverse
    values, vectors = np.linalg.eigh((middle + middle.T) / 2)
    kept: NDArray[np.float64] = (vectors * np.clip(values, *_GAIN)) @ vectors.T
    return kept


def _power(matrix: NDArray[np.float64], exponent: float) -> NDArray[np.float64]:
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    powered: NDArray[np.float64] = (vectors * np.maximum(values, 1e-9) ** exponent) @ vectors.T
    return powered


def _shares(known: NDArray[np.bool_]) -> NDArray[np.float32]:
    kinds = [kind for kind in (known, ~known) if kind.any()]
    shares = sum(kind / kind.sum() for kind in kinds) / len(kinds)
    return np.asarray(shares, dtype=np.float32)
