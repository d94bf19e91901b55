"""How far two samples of features are apart: the Fréchet distance of two normal distributions, and the kernel distance.

Both by torch-fidelity's definitions, on whatever features are given: figures of papers, which are on those of
Inception, can't be held against them.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


def frechet_distance(real: Floats, drawn: Floats) -> float:
    """|m₁ − m₂|² + tr(S₁ + S₂ − 2 (S₁ S₂)^½), Dowson and Landau 1982; on Inception's features known as FID (Heusel et
    al. 2017, arXiv:1706.08500). It falls as samples grow: only samples of one size can be compared.

    Args:
        real: (N, D) features, N above 1.
        drawn: (M, D), M above 1.

    Examples:
        >>> points = np.array([[-1.0], [1.0]])
        >>> round(frechet_distance(points, 2 * points + 3), 6)  # 3², and (2 √2 − √2)²
        11.0
    """
    means = real.mean(0) - drawn.mean(0)
    first, second = (np.atleast_2d(np.cov(part, rowvar=False)) for part in (real, drawn))
    # The trace of (S₁ S₂)^½ by the root of S₁, which is symmetric: no complex numbers where a covariance lacks rank.
    values, vectors = np.linalg.eigh(first)
    root = (vectors * np.sqrt(np.maximum(values, 0))) @ vectors.T
    shared = np.sqrt(np.maximum(np.linalg.eigvalsh(root @ second @ root), 0)).sum()
    return float(means @ means + np.trace(first) + np.trace(second) - 2 * shared)


def kernel(first: Floats, second: Floats) -> Floats:
    """(x · y / D + 1)³ of all pairs: (N, D) and (M, D) → (N, M)."""
    return np.asarray((first @ second.T / first.shape[1] + 1) ** 3)


def kernel_distance(real: Floats, drawn: Floats) -> float:
    """The unbiased squared maximum mean discrepancy with a cubic kernel; on Inception's features known as KID
    (Bińkowski et al. 2018, arXiv:1801.01401). Of all images at once: what torch-fidelity's mean over subsets estimates.
    It may be below zero where the samples are alike.

    Args:
        real: (N, D) features, N above 1.
        drawn: (M, D), M above 1.

    Examples:
        >>> points = np.array([[-1.0], [1.0]])
        >>> kernel_distance(points, points)  # 0 + 0 - 2 · (8 + 0) / 2: each other point against each own
        -8.0
    """
    return kernel_distance_of(kernel(real, real), kernel(drawn, drawn), kernel(real, drawn))


def kernel_distance_of(within: Floats, between_drawn: Floats, across: Floats) -> float:
    """The same of kernels that are there.

    Args:
        within: (N, N) of the real ones.
        between_drawn: (M, M) of the drawn ones.
        across: (N, M).
    """
    return float(_mean_of_pairs(within) + _mean_of_pairs(between_drawn) - 2 * across.mean())


def _mean_of_pairs(values: Floats) -> float:
    count = len(values)
    return float((values.sum() - np.trace(values)) / (count * (count - 1)))
