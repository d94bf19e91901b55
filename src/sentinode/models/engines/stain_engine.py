"""An engine behind stain normalisation: tiles get the training data's stain, then another engine scores them."""

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from sentinode.core.stain.normaliser import StainTarget
from sentinode.core.stain.stain_look import Look
from sentinode.models.engines.engine import Engine, Scores

_SLAB = 256
"""Normalised tiles in memory at a time."""


class StainEngine(Engine):
    """Runs a bundle that wants its tiles normalised.

    Before the graph and not in it: the graph stays the same for every slide, and no engine has to find eigenvectors.
    """

    def __init__(self, inner: Engine, target: StainTarget, look: Look | None = None) -> None:
        """Args: what scores; the stain that tiles get; the one that all of them have, None: each has its own."""
        super().__init__(inner.info)
        self.name = inner.name
        self.inner = inner
        """Scores tiles that are normalised already, or are to stay as they are."""
        self.target = target
        self.kept: Counter[str] = Counter()
        """Images that stayed as they are since the engine was opened, by reason."""
        self._common = None if look is None else target.normaliser(look)

    def of_slide(self, look: Look | None) -> Engine:
        """The engine for the tiles of a slide that is stained like `look`; None: they stay as they are."""
        return self.inner if look is None else StainEngine(self.inner, self.target, look)

    def normalised(self, tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
        """(N, H, W, 3) uint8 → the same with the target's stain; tiles whose own can't be told stay as they are."""
        if self._common is not None:
            return self._common(tiles)
        found, kept = self.target.each(tiles)
        self.kept += kept
        return found

    def _fill(self, tiles: NDArray[np.uint8], scores: Scores) -> None:
        for start in range(0, len(tiles), _SLAB):
            found = self.inner.predict(self.normalised(tiles[start : start + _SLAB]))
            for target, part in zip(scores, found, strict=True):
                target[start : start + _SLAB] = part


def without_stain(engine: Engine) -> Engine:
    """The engine that scores tiles as they are given."""
    return engine.inner if isinstance(engine, StainEngine) else engine
