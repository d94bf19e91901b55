"""Batches of bags: which bags and which of their tiles, in an order that is a function of (seed, epoch) alone."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sentinode.models.mil.bag_view import BagView

_WINDOW = 8  # batches within which bags are put by length, so that little of a batch is padding
_FEW = 200  # tiles of a bag that its share in the features' mean and deviation is taken from
_STILL = 1e-6  # deviation below which a feature does not vary


@dataclass(frozen=True)
class BagBatch:
    """B bags, padded to the longest of them."""

    features: Tensor
    """(B, N, D) float32; 0 where there is no tile."""
    mask: Tensor
    """(B, N) bool: where there is a tile."""
    targets: Tensor
    """(B,) int64."""


class BagBatches:
    """Bags to learn from, in batches."""

    def __init__(
        self,
        bags: Sequence[BagView],
        targets: NDArray[np.int64],
        *,
        batch_size: int,
        instances: int,
        instance_dropout: float,
        seed: int,
    ) -> None:
        """Args: see `MilConfig`; `targets` (n,), the class of each bag."""
        self._bags = bags
        self._targets = torch.from_numpy(targets)
        self._batch_size = batch_size
        self._instances = instances
        self._dropout = instance_dropout
        self._seed = seed

    def __len__(self) -> int:
        return -(-len(self._bags) // self._batch_size)

    def epoch(self, epoch: int) -> Iterator[BagBatch]:
        """The batches of an epoch: every bag once.

        Raises:
            DataError: A feature is not finite.
        """
        generator = np.random.default_rng([self._seed, epoch])
        chosen = [self._tiles(len(bag), generator) for bag in self._bags]
        for part in self._order([len(rows) for rows in chosen], generator):
            drawn = [self._bags[bag].features(chosen[bag]) for bag in part]
            features, mask = padded(drawn)
            yield BagBatch(features, mask, self._targets[part])

    def _tiles(self, count: int, generator: np.random.Generator) -> NDArray[np.int64]:
        """The rows of a bag's tiles that are looked at, ascending."""
        rows = np.arange(count)
        if count > self._instances:
            rows = np.sort(generator.choice(count, self._instances, replace=False))
        if self._dropout:
            kept = generator.random(len(rows)) >= self._dropout
            kept[generator.integers(len(rows))] = True
            rows = rows[kept]
        return rows

    def _order(self, lengths: Sequence[int], generator: np.random.Generator) -> list[NDArray[np.int64]]:
        """The bags of each batch."""
        order, window = generator.permutation(len(lengths)), _WINDOW * self._batch_size
        batches = []
        for start in range(0, len(order), window):
            alike = sorted(order[start : start + window].tolist(), key=lambda bag: lengths[bag])
            batches += [np.array(alike[at : at + self._batch_size]) for at in range(0, len(alike), self._batch_size)]
        return [batches[index] for index in generator.permutation(len(batches))]


def padded(drawn: Sequence[NDArray[np.float32]]) -> tuple[Tensor, Tensor]:
    """Bags (n, D) of any lengths as features (B, N, D) and mask (B, N)."""
    longest = max(len(rows) for rows in drawn)
    features = torch.empty((len(drawn), longest, drawn[0].shape[1]))
    mask = torch.zeros((len(drawn), longest), dtype=torch.bool)
    for bag, rows in enumerate(drawn):
        features[bag, : len(rows)] = torch.from_numpy(rows)
        features[bag, len(rows) :] = 0
        mask[bag, : len(rows)] = True
    return features, mask


def standardisation(bags: Sequence[BagView], seed: int) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Mean and deviation (D,) of the features over a few tiles of every bag; 1 for a feature that does not vary."""
    generator = np.random.default_rng(seed)
    drawn = []
    for bag in bags:
        rows = np.sort(generator.choice(len(bag), min(_FEW, len(bag)), replace=False))
        drawn.append(bag.features(rows))
    # Every bag weighs the same, however many tiles it gave.
    means = np.stack([rows.mean(axis=0, dtype=np.float64) for rows in drawn])
    squares = np.stack([(rows.astype(np.float64) ** 2).mean(axis=0) for rows in drawn])
    centre = means.mean(axis=0)
    deviation = np.sqrt(np.maximum(squares.mean(axis=0) - centre**2, 0))
    return centre.astype(np.float32), np.where(deviation > _STILL, deviation, 1).astype(np.float32)
