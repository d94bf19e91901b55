"""Improved precision and recall (Kynkäänniemi et al. 2019, arXiv:1904.06991), and how far apart drawn images are.

By torch-fidelity's definition (three neighbours), on whatever features are given.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

NEIGHBOURS = 3
"""A point's ball reaches to its third nearest neighbour."""


def distances(first: Floats, second: Floats) -> Floats:
    """Euclidean ones, (N, D) and (M, D) → (N, M).

    Examples:
        >>> distances(np.zeros((1, 2)), np.array([[3.0, 4.0]]))
        array([[5.]])
    """
    squares = (first**2).sum(1)[:, None] + (second**2).sum(1) - 2 * first @ second.T
    return np.asarray(np.sqrt(np.maximum(squares, 0)))


def radii(within: Floats) -> Floats:
    """Of the ball around each of N points: to its third nearest other. (N, N) distances → (N,)."""
    return np.asarray(np.partition(within, NEIGHBOURS, axis=1)[:, NEIGHBOURS])  # the nearest is the point itself


def covered(radius: Floats, between: Floats) -> Floats:
    """Whether each of M points lies in the ball of any of N others: (N,) and (N, M) → (M,) of 0 and 1."""
    return np.asarray((between <= radius[:, None]).any(axis=0), np.float64)


def precision_recall(real: Floats, drawn: Floats) -> tuple[float, float]:
    """The share of drawn images that lie among the real ones, and of real ones that lie among the drawn.

    Args:
        real: (N, D) features, N above 3.
        drawn: (M, D), M above 3.

    Examples:
        >>> same = np.random.default_rng(0).normal(size=(50, 4))
        >>> precision_recall(same, same)
        (1.0, 1.0)
    """
    between = distances(real, drawn)
    precision = covered(radii(distances(real, real)), between).mean()
    recall = covered(radii(distances(drawn, drawn)), between.T).mean()
    return float(precision), float(recall)


def class_diversity(
    real: Floats, real_classes: NDArray[np.int64], drawn: Floats, drawn_classes: NDArray[np.int64]
) -> float:
    """Mean distance of two drawn images of a class over that of two real ones; the least of all classes.

    Examples:
        >>> real = np.random.default_rng(0).normal(size=(50, 4))
        >>> round(class_diversity(real, np.zeros(50, int), real / 2, np.zeros(50, int)), 6)
        0.5
    """
    shares = [
        _mean_distance(drawn[drawn_classes == one]) / max(_mean_distance(real[real_classes == one]), 1e-12)
        for one in np.unique(real_classes)
    ]
    return float(min(shares))


def _mean_distance(points: Floats) -> float:
    if len(points) < 2:
        return 0.0
    return float(distances(points, points).sum() / (len(points) * (len(points) - 1)))
