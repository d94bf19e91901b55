"""Whether a map ranks what the model really uses: deletion and insertion (Petsiuk et al. 2018, RISE) against chance.

A tile is cut into blocks. Blurring them by falling value should lower the probability fast (a small area under the
deletion curve), and sharpening the blurred tile in the same order should raise it fast (a large area under the
insertion curve). How fast chance would do it differs from tile to tile, so orders drawn at random on the same tile, of
the same blocks, are the yardstick.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.explanation.reference import blurred

BLOCKS_ALONG = 12
"""Blocks along a side: of a PCam patch, 8 px or 8 µm, a nucleus."""

STEPS = 16
"""Of each curve."""

Answers = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""(N, H, W, 3) uint8 → (N,): the probability of the class that is explained."""


@dataclass(frozen=True)
class Chance:
    """Areas under the curves of random orders of one tile's blocks."""

    deletion: tuple[float, ...]
    insertion: tuple[float, ...]


@dataclass(frozen=True)
class Faithfulness:
    """Areas under both curves of a map, as means of the probability, and what chance gives on the same tile."""

    deletion: float
    """Less is better."""
    insertion: float
    """More is better."""
    chance: Chance

    @property
    def gain(self) -> float:
        """(insertion − deletion) less the same of the mean random order: above 0 the map is better than chance."""
        return self.insertion - self.deletion - float(np.mean(self._of_chance()))

    @property
    def spread(self) -> float:
        """Standard deviation of insertion − deletion over the random orders."""
        return float(np.std(self._of_chance(), ddof=1))

    @property
    def beaten(self) -> int:
        """Random orders that the map is better than."""
        return int((self.insertion - self.deletion > self._of_chance()).sum())

    def _of_chance(self) -> NDArray[np.float64]:
        return np.subtract(self.chance.insertion, self.chance.deletion)


def measure(answers: Answers, tile: NDArray[np.uint8], map_: NDArray[np.float32], chance: Chance) -> Faithfulness:
    """How faithful a map of a tile is.

    Args:
        answers: The model.
        tile: (H, W, 3) uint8.
        map_: (H, W), larger where more speaks for the class; blocks of equal value come in a random order.
        chance: From `random_orders`, of the same tile.
    """
    blocks = _blocks(*tile.shape[:2])
    sums = np.bincount(blocks.ravel(), weights=map_.ravel())
    values = sums / np.bincount(blocks.ravel())
    shuffled = np.random.default_rng(0).permutation(len(values))
    order = shuffled[np.argsort(-values[shuffled], kind="stable")]
    deletion, insertion = _areas(answers, tile, order[None])
    return Faithfulness(float(deletion[0]), float(insertion[0]), chance)


def random_orders(answers: Answers, tile: NDArray[np.uint8], count: int, seed: int = 0) -> Chance:
    """`count` random orders of a tile's blocks; every map of the tile is measured against the same ones."""
    generator = np.random.default_rng(seed)
    number = int(_blocks(*tile.shape[:2]).max()) + 1
    orders = np.stack([generator.permutation(number) for _ in range(count)])
    deletion, insertion = _areas(answers, tile, orders)
    return Chance(tuple(map(float, deletion)), tuple(map(float, insertion)))


def _areas(
    answers: Answers, tile: NDArray[np.uint8], orders: NDArray[np.int64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(M, blocks) orders → areas under the deletion and the insertion curves, (M,) each."""
    blurry, blocks = blurred(tile[None])[0], _blocks(*tile.shape[:2])
    number = orders.shape[1]
    ends = answers(np.stack([tile, blurry])).astype(np.float64)
    cuts = np.rint(np.linspace(0, number, STEPS + 1)).astype(int)[1:-1]
    found = []
    for order in orders:
        place = np.empty(number, np.int64)
        place[order] = np.arange(number)
        changed = (place[blocks][None] < cuts[:, None, None])[..., None]  # (steps − 1, H, W, 1)
        middle = answers(np.concatenate([np.where(changed, blurry, tile), np.where(changed, tile, blurry)]))
        half = len(cuts)
        curves = np.empty((2, STEPS + 1))
        curves[:, 1:-1] = middle[:half], middle[half:]
        curves[:, 0], curves[:, -1] = ends, ends[::-1]
        found.append(np.trapezoid(curves, dx=1 / STEPS, axis=1))
    deletion, insertion = np.stack(found, axis=1)
    return deletion, insertion


def _blocks(height: int, width: int) -> NDArray[np.int64]:
    """(H, W): the number of the block that each pixel belongs to."""
    rows, columns = (np.arange(side) * min(BLOCKS_ALONG, side) // side for side in (height, width))
    return np.asarray(rows[:, None] * (int(columns[-1]) + 1) + columns, np.int64)
