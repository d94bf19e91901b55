"""Drawn bags with a planted signal: a few tiles of the positive ones are of another kind."""

import numpy as np
from numpy.typing import NDArray

from sentinode.models.mil.bag_view import ArrayBag

_DIM = 24
_SHIFT = 5.0  # deviations by which a planted tile is off, in a third of its features
_SLIDE = 0.3  # deviation from slide to slide


def planted_bags(
    count: int, *, seed: int, tiles: int = 300, share: float | None = None, classes: int = 2
) -> tuple[list[ArrayBag], NDArray[np.int64], list[NDArray[np.int64]]]:
    """Bags, their classes in turn, and the rows of the planted tiles.

    Args:
        count: How many.
        seed: Of the draw.
        tiles: The most of a bag; the fewest are half of it.
        share: Of the tiles of a positive bag that are planted; None: 2 to 5 tiles for each class above the first.
        classes: The higher, the more tiles.
    """
    generator = np.random.default_rng(seed)
    bags, planted, targets = [], [], np.arange(count) % classes
    for row, target in enumerate(targets.tolist()):
        length = int(generator.integers(tiles // 2, tiles + 1))
        features = generator.normal(size=(length, _DIM)) + _SLIDE * generator.normal(size=_DIM)
        few = sum(int(generator.integers(2, 6)) * 3**level for level in range(target))
        where = generator.choice(length, few if share is None else int(share * length * (target > 0)), replace=False)
        features[where, : _DIM // 3] += _SHIFT
        bags.append(ArrayBag(f"s{row}", features.astype(np.float16)))
        planted.append(where)
    return bags, targets, planted
