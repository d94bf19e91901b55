"""Whether a map ranks what the model really uses: deletion and insertion (Petsiuk et al. 2018, RISE) against chance.

A tile is cut into blocks. Blurring them by falling value should lower the probability fast (a small area under the
deletion curve), and sharpening the blurred tile in the same order should raise it fast (a large area under the
insertion curve). How fast chance would do it differs from tile to tile, so the yardstick is random orders of the same
blocks on the same tile.

Scattered blocks spoil a tile sooner than one hole of the same area does, whatever lies there. So the random orders are
as smooth as the map: they come from random fields whose neighbouring blocks are as alike as the map's.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import gaussian_filter
from scipy.stats import rankdata

from sentinode.explanation.blur import blurred

BLOCKS_ALONG = 12
"""Blocks along a side: of a PCam patch, 8 px or 8 µm, a nucleus."""

STEPS = 16
"""Steps of each curve."""

Answers = Callable[[NDArray[np.uint8]], NDArray[np.float32]]
"""(N, H, W, 3) uint8 → (N,): the probability of the class that is explained."""


SMOOTHNESS = (0.0, 0.4, 0.6, 0.8, 1.0, 1.5, 2.0, 3.0)
"""Standard deviations, in blocks, of the Gaussian by which fields of noise are smoothed; 0: not at all."""


@dataclass(frozen=True)
class Chance:
    """Areas under the curves of random orders of one tile's blocks."""

    deletion: tuple[float, ...]
    insertion: tuple[float, ...]
    smoothness: float
    """Smoothness of the orders, one of SMOOTHNESS."""


@dataclass(frozen=True)
class Faithfulness:
    """Areas under both curves of a map, as means of the probability, and what chance gives on the same tile."""

    deletion: float
    """Less is better."""
    insertion: float
    """More is better."""
    chance: Chance
    """Figures of random orders that are as smooth as the map."""

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
        chance: From `random_orders`, of the same tile and as smooth as the map.
    """
    values = _block_means(map_).ravel()
    shuffled = np.random.default_rng(0).permutation(len(values))
    order = shuffled[np.argsort(-values[shuffled], kind="stable")]
    deletion, insertion = _areas(answers, tile, order[None])
    return Faithfulness(float(deletion[0]), float(insertion[0]), chance)


def random_orders(
    answers: Answers, tile: NDArray[np.uint8], count: int, *, smoothness: float = 0.0, seed: int = 0
) -> Chance:
    """`count` random orders of a tile's blocks; all maps that are as smooth are measured against the same ones."""
    fields = random_fields(*_grid(*tile.shape[:2]), count, smoothness, seed)
    deletion, insertion = _areas(answers, tile, np.argsort(-fields.reshape(count, -1), axis=1))
    return Chance(tuple(map(float, deletion)), tuple(map(float, insertion)), smoothness)


def smoothness_of(map_: NDArray[np.float32]) -> float:
    """Which of SMOOTHNESS gives fields whose order is as smooth as that of a map (H, W), by `_alike`."""
    values = _block_means(map_)
    wanted = _alike(values)
    return min(SMOOTHNESS, key=lambda each: abs(_usual(*values.shape, each) - wanted))


def random_fields(rows: int, columns: int, count: int, smoothness: float, seed: int) -> NDArray[np.float64]:
    """(count, rows, columns) of Gaussian noise, smoothed as if it went on beyond the border."""
    margin = int(np.ceil(4 * smoothness))
    noise = np.random.default_rng(seed).standard_normal((count, rows + 2 * margin, columns + 2 * margin))
    smooth = gaussian_filter(noise, (0, smoothness, smoothness)) if smoothness else noise
    return np.asarray(smooth[:, margin : margin + rows, margin : margin + columns])


def _alike(values: NDArray[np.float64]) -> float:
    """Correlation of the ranks (rows, columns) of neighbouring blocks: only the order matters."""
    ranks = rankdata(values).reshape(values.shape)
    pairs = [(ranks[1:], ranks[:-1]), (ranks[:, 1:], ranks[:, :-1])]
    found = [
        float(np.corrcoef(one.ravel(), other.ravel())[0, 1])
        for one, other in pairs
        if one.size > 1 and min(np.ptp(one), np.ptp(other)) > 0
    ]
    return float(np.mean(found)) if found else 0.0


@cache
def _usual(rows: int, columns: int, smoothness: float) -> float:
    """The mean of `_alike` over random fields."""
    return float(np.mean([_alike(field) for field in random_fields(rows, columns, 40, smoothness, 0)]))


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


def _grid(height: int, width: int) -> tuple[int, int]:
    """Rows and columns of blocks."""
    return min(BLOCKS_ALONG, height), min(BLOCKS_ALONG, width)


def _blocks(height: int, width: int) -> NDArray[np.int64]:
    """(H, W): the number of the block that each pixel belongs to."""
    down, across = _grid(height, width)
    rows, columns = np.arange(height) * down // height, np.arange(width) * across // width
    return np.asarray(rows[:, None] * across + columns, np.int64)


def _block_means(map_: NDArray[np.float32]) -> NDArray[np.float64]:
    """(H, W) → (rows, columns) of blocks."""
    blocks = _blocks(*map_.shape).ravel()
    means = np.bincount(blocks, weights=map_.ravel()) / np.bincount(blocks)
    return np.asarray(means.reshape(_grid(*map_.shape)))
