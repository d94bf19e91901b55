"""What every engine is: tiles in, scores out, in batches of a bounded size."""

import abc
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError
from sentinode.core.progress import SILENT, Progress
from sentinode.models.bundle_info import BundleInfo

PHOTOGRAPHS = 8
"""Images in memory at a time where they may be of any size."""

_SLAB = 2048
"""Tiles in memory at a time; the engine has its own, smaller batches."""

PIXELS_AT_ONCE = 40_000_000
"""Most pixels that the network sees at a time where images of any size are taken; one costs SqueezeNet 140 bytes."""


class Scores(NamedTuple):
    """Answers for N tiles."""

    probabilities: NDArray[np.float32]
    """(N, classes), rows sum to 1."""

    embedding: NDArray[np.float32]
    """(N, D)."""


class Engine(abc.ABC):
    """A bundle that is ready to run."""

    name: str

    def __init__(self, info: BundleInfo) -> None:
        self.info = info

    def predict(self, tiles: NDArray[np.uint8]) -> Scores:
        """Score tiles, in batches of a bounded size however many there are.

        Args:
            tiles: (N, H, W, 3) uint8, RGB, of the bundle's tile size; N may be 0. A bundle that pools takes images of
                any size from that of a tile on; one of context each tile before it, (N, 2, H, W, 3).

        Raises:
            DataError: Another type or shape, or images that are too large for one pass.
        """
        if not isinstance(tiles, np.ndarray) or tiles.dtype != np.uint8:
            kind = getattr(tiles, "dtype", type(tiles).__name__)
            raise DataError(f"tiles are of type {kind}; the model takes uint8 with values 0 to 255")
        self.check_shape(tiles.shape)
        count = len(tiles)
        scores = Scores(
            np.empty((count, len(self.info.classes.names)), np.float32),
            np.empty((count, self.info.embedding_size), np.float32),
        )
        if count:
            self._fill(tiles, scores)
        return scores

    def probabilities(
        self, images: Sequence[NDArray[np.uint8]], progress: Progress = SILENT, label: str = "scoring"
    ) -> NDArray[np.float32]:
        """The answers to any number of images, which are read a few at a time.

        Args:
            images: N of (H, W, 3) uint8, RGB; they may differ in size where the bundle takes such.
            progress: Where to show how far it is.
            label: What the bar is called.

        Returns:
            (N, classes).

        Raises:
            DataError: As for `predict`.
        """
        parts = [np.empty((0, len(self.info.classes.names)), np.float32)]
        slabs = progress.slabs(label, len(images), PHOTOGRAPHS if self.info.input.pooling else _SLAB)
        parts += [self.scores([images[row] for row in range(slab.start, slab.stop)]).probabilities for slab in slabs]
        return np.concatenate(parts)

    def scores(self, images: Sequence[NDArray[np.uint8]]) -> Scores:
        """The answers to N images (H, W, 3) at once; they may differ in size where the bundle takes such.

        Raises:
            DataError: As for `predict`.
        """
        # Neighbours of one size go through together.
        parts = [self.predict(np.stack(list(group))) for _, group in groupby(images, key=np.shape)]
        probabilities = [np.empty((0, len(self.info.classes.names)), np.float32), *(one.probabilities for one in parts)]
        embedding = [np.empty((0, self.info.embedding_size), np.float32), *(one.embedding for one in parts)]
        return Scores(np.concatenate(probabilities), np.concatenate(embedding))

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse a shape that tiles or images to predict can't have.

        Raises:
            DataError: It is one.
        """
        size, pools = self.info.input.tile_size, bool(self.info.input.pooling)
        if self.info.input.context:
            if shape[1:] != (2, size, size, 3) or len(shape) != 5:
                raise DataError(
                    f"tiles have shape {shape}; the model takes (N, 2, {size}, {size}, 3), RGB, each tile before its "
                    "context, which only slides have: `sentinode scan`"
                )
            return
        fits = len(shape) == 4 and shape[3] == 3
        if not pools and not (fits and shape[1:3] == (size, size)):
            raise DataError(f"tiles have shape {shape}; the model takes (N, {size}, {size}, 3), RGB")
        if pools and not (fits and min(shape[1:3]) >= size):
            raise DataError(f"images have shape {shape}; the model takes (N, H, W, 3), RGB, H and W at least {size}")
        if pools and (seen := self.info.pixels_an_image(shape[1], shape[2])) > PIXELS_AT_ONCE:
            raise DataError(
                f"an image of {shape[2]}×{shape[1]} px is {seen / 1e6:,.0f} million pixels to the network, which takes "
                f"{PIXELS_AT_ONCE / 1e6:.0f} million at once; shrink it or crop it"
            )

    @abc.abstractmethod
    def _fill(self, tiles: NDArray[np.uint8], scores: Scores) -> None:
        """Write the answers for the tiles, of which there is at least one, into `scores`."""
