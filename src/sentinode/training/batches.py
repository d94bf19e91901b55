"""Batches of packed tiles: which rows, in which order, and their pixels from the memory-mapped array."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from sentinode.training.training_config import Sampling


class PackedBatches(Dataset[tuple[Tensor, ...]]):
    """One role of a data set, indexed by whole batches: a list of positions gives (tiles, labels)."""

    def __init__(
        self,
        tiles: NDArray[np.uint8],
        rows: NDArray[np.int64],
        labels: NDArray[np.int64],
        *,
        appearances: NDArray[np.int64] | None = None,
        more: NDArray[np.uint8] | None = None,
        device: torch.device | None = None,
    ) -> None:
        """Take `rows` (n,) of the packed `tiles` (N, H, W, 3), or (N, 2, H, W, 3) with context, and their `labels`.

        Args:
            tiles: uint8, RGB.
            rows: Which of them.
            labels: Of the rows, and then of `more`.
            appearances: One for each label, see `training.appearances`; None: batches are pairs without them.
            more: (m, H, W, 3): further images, whose positions come after those of the rows.
            device: Holds all of it, so that nothing is copied from batch to batch; None: it stays where it is.
        """
        self._tiles = tiles
        self._rows = rows
        self._more = more
        facts = [labels] if appearances is None else [labels, appearances]
        self._facts = [torch.from_numpy(fact.astype(np.int64)).to(device or "cpu") for fact in facts]
        self._held = None if device is None else torch.from_numpy(self._read(np.arange(len(labels)))).to(device)

    def __len__(self) -> int:
        return len(self._facts[0])

    def __getitem__(self, positions: list[int]) -> tuple[Tensor, ...]:
        """((n, H, W, 3) uint8, (n,) int64), and the appearances (n,) int64 where they are known."""
        if self._held is not None:
            where = torch.tensor(positions, device=self._held.device)
            return self._held[where], *(fact[where] for fact in self._facts)
        return torch.from_numpy(self._read(np.array(positions))), *(fact[positions] for fact in self._facts)

    def _read(self, positions: NDArray[np.int64]) -> NDArray[np.uint8]:
        # A fancy index copies just these rows out of the memory map.
        own = len(self._rows)
        if self._more is None or (positions < own).all():
            return self._tiles[self._rows[positions]]
        out = np.empty((len(positions), *self._tiles.shape[1:]), np.uint8)
        out[positions < own] = self._tiles[self._rows[positions[positions < own]]]
        out[positions >= own] = self._more[positions[positions >= own] - own]
        return out


def fits(device: torch.device, images: int, image_bytes: int) -> bool:
    """Whether so many images can lie on a GPU beside everything else: in a quarter of what is free there."""
    return device.type == "cuda" and images * image_bytes < torch.cuda.mem_get_info(device)[0] / 4


@dataclass(frozen=True)
class Share:
    """Which of several processes this one is: each gets its own part of every epoch."""

    rank: int = 0
    processes: int = 1


SHARD_BYTES = 4 << 20
"""A shard is a run of tiles of a pack of this size: long enough to be read at a disk's full speed."""

WINDOW = 64
"""Shards that are shuffled together: 256 MB, and of a pack that is sorted by class the classes of many places."""


def shards_of(rows: NDArray[np.int64], tile_bytes: int) -> NDArray[np.int64]:
    """The shard (n,) that each of `rows` (n,) of a pack lies in, numbered from 0 by those that have any."""
    return np.unique(rows // max(1, SHARD_BYTES // tile_bytes), return_inverse=True)[1].astype(np.int64)


class EpochOrder(Sampler[list[int]]):
    """The training batches of an epoch, a function of (seed, epoch) alone, so that a resumed run sees the same ones.

    `shuffled` visits every image once; `balanced` draws every class equally often, with replacement; `streamed` visits
    every image once, too, but only images of `WINDOW` shards are shuffled with each other, the shards in random order.
    The last batch is left out when it is short: its few images would count for more than others. They come in another
    lap. An epoch is one lap, or `epoch_images` of the laps that follow each other.
    """

    def __init__(
        self,
        labels: NDArray[np.int64],
        *,
        batch_size: int,
        sampling: Sampling,
        seed: int,
        share: Share = Share(),
        epoch_images: int = 0,
        shards: NDArray[np.int64] | None = None,
    ) -> None:
        """Take the images with these `labels` (n,).

        Args:
            labels: Class of each.
            batch_size: Of one process.
            sampling: The order.
            seed: Of every lap.
            share: Which of several processes this is.
            epoch_images: In an epoch, of all processes together; 0: all.
            shards: (n,) of each image, for `streamed`.
        """
        super().__init__()
        self._labels = labels
        self._sampling = sampling
        self._seed = seed
        self._share = share
        self._shards = shards
        self._batch_size = min(batch_size, max(1, len(labels) // share.processes))
        together = self._batch_size * share.processes
        self._lap = len(labels) // together
        self._steps = max(1, epoch_images // together) if epoch_images else self._lap
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Choose the epoch; Lightning calls this before each one."""
        self._epoch = epoch

    def __len__(self) -> int:
        return self._steps

    def __iter__(self) -> Iterator[list[int]]:
        begun, mine = -1, np.empty(0, np.int64)
        for step in range(self._epoch * self._steps, (self._epoch + 1) * self._steps):
            lap, batch = divmod(step, self._lap)
            if lap != begun:
                begun, mine = lap, self._order(lap)[self._share.rank :: self._share.processes]
            yield mine[batch * self._batch_size : (batch + 1) * self._batch_size].tolist()

    def _order(self, lap: int) -> NDArray[np.int64]:
        generator = np.random.default_rng([self._seed, lap])
        if self._sampling == "balanced":
            return self._balanced_draw(generator)
        if self._sampling == "streamed" and self._shards is not None:
            place = generator.permutation(int(self._shards.max()) + 1)  # of each shard among all
            return np.lexsort((generator.random(len(self._labels)), place[self._shards] // WINDOW))
        return generator.permutation(len(self._labels))

    def _balanced_draw(self, generator: np.random.Generator) -> NDArray[np.int64]:
        classes, counts = np.unique(self._labels, return_counts=True)
        weight_of = dict(zip(classes.tolist(), 1 / (counts * len(classes)), strict=True))
        weights = np.array([weight_of[label] for label in self._labels.tolist()])
        return generator.choice(len(self._labels), len(self._labels), p=weights)


def loader(data: PackedBatches, order: Sampler[list[int]], *, on_gpu: bool) -> DataLoader[tuple[Tensor, ...]]:
    """A loader of whole batches; `on_gpu` where they are to be copied to one.

    On a CPU the copy out of the memory map costs less than a process to do it in; beside a GPU two workers and pinned
    memory keep it off the device's path.
    """
    return DataLoader(
        data,
        batch_size=None,
        sampler=order,
        num_workers=2 if on_gpu else 0,
        pin_memory=on_gpu,
        persistent_workers=on_gpu,
    )
