"""Part of the training images: the same share of every class, whole slides where they are known, nested. Pure."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural

Integers = NDArray[np.int64]

LEAST = 2
"""Images of each class below which nothing can be learned and checked on inner folds."""

_WINDOW = 16  # slides that are looked at for the next place: enough to keep classes near their shares, still random
_ROUNDING = 1e-9


def draw(labels: Integers, groups: Sequence[str] | None, fraction: float, seed: int) -> Integers:
    """Which samples belong to a fraction of all, in ascending order.

    Without groups, that share of each class, rounded up. With groups, whole groups until the share is reached. For one
    seed, what a smaller fraction draws is part of what a larger one draws.

    Args:
        labels: (N,) class numbers.
        groups: (N,) slide or patient of each sample, or None.
        fraction: Above 0, at most 1.
        seed: Which draw.
    """
    if fraction >= 1:
        return np.arange(len(labels))
    if groups is None:
        return _by_class(labels, fraction, seed)
    codes = np.unique(np.asarray(groups, dtype=str), return_inverse=True)[1]
    order = _group_order(labels, codes, seed)
    reached = np.cumsum(np.bincount(codes)[order])
    taken = order[: int(np.searchsorted(reached, fraction * len(labels) - _ROUNDING)) + 1]
    return np.flatnonzero(np.isin(codes, taken))


def check_enough(labels: Integers, names: Sequence[str], what: str) -> None:
    """Refuse a part with fewer than two samples of a class.

    Args:
        labels: (n,) class numbers of the part.
        names: Of the classes.
        what: How the part came about, for the message.

    Raises:
        EvaluationError: A class has too few.
    """
    counts = np.bincount(labels, minlength=len(names))
    few = int(counts.argmin())
    if counts[few] < LEAST:
        raise EvaluationError(
            f"{what} leaves {plural(int(counts[few]), 'image')} of class {names[few]} of {len(labels)}; a "
            f"model needs at least "
            f"{LEAST} of each class: take more"
        )


def _by_class(labels: Integers, fraction: float, seed: int) -> Integers:
    rng = np.random.default_rng(seed)
    parts = []
    for label in np.unique(labels):
        members = rng.permutation(np.flatnonzero(labels == label))
        parts.append(members[: int(np.ceil(fraction * len(members) - _ROUNDING))])
    return np.sort(np.concatenate(parts))


def _group_order(labels: Integers, codes: Integers, seed: int) -> Integers:
    """Groups in a random order in which every beginning has the classes near their shares in the whole.

    Of the next few groups in a random order, the one goes first after which the classes are nearest to their shares:
    a tenth of fifty slides would often lack a class that lies in ten of them.
    """
    counts = np.zeros((codes.max() + 1, labels.max() + 1))  # (G, K)
    np.add.at(counts, (codes, labels), 1)
    shares = counts.sum(axis=0) / counts.sum()
    left = np.random.default_rng(seed).permutation(len(counts)).tolist()
    held, order = np.zeros(counts.shape[1]), []
    while left:
        window = np.array(left[:_WINDOW])
        after = held + counts[window]
        misfit = ((after / after.sum(axis=1, keepdims=True) - shares) ** 2).sum(axis=1)
        chosen = int(window[misfit.argmin()])
        left.remove(chosen)
        order.append(chosen)
        held = held + counts[chosen]
    return np.array(order)
