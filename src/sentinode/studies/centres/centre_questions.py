"""What a centres study asks: who trains and who is tested in each arm, and the answers of logistic regression."""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sentinode.core.errors import DataError
from sentinode.metrics.arm_comparison import HeldOut
from sentinode.studies.centres.centre_images import CentreImages
from sentinode.studies.centres.centres_protocol import NEW, TIES, CentresProtocol

Floats = NDArray[np.float64]
Integers = NDArray[np.int64]

_LEAST_CELL = 8
"""Images of a class on a side of the centres, in a half: fewer say nothing."""


@dataclass(frozen=True, eq=False)
class CentreQuestions:
    """Images with their embeddings, and what is asked of them."""

    images: CentreImages
    embeddings: Mapping[str, NDArray[np.floating]]
    """(N, D) by model."""
    protocol: CentresProtocol

    @property
    def new(self) -> HeldOut:
        """On a new centre every image is tested once; a fold is half a centre."""
        images = self.images
        return HeldOut(images.truths, 2 * images.centres + images.halves, images.slides)

    @property
    def tied(self) -> HeldOut:
        """On tied centres, the images of `tested`; a fold is one half of all centres."""
        tested, images = self.tested, self.images
        return HeldOut(images.truths[tested], images.halves[tested], images.slides[tested])

    def ask_new(self, model: str, arm: str, seed: int) -> Floats:
        """(N,): each half of each centre, by who has seen its other half, or by who has seen none of the centre."""
        images, rng = self.images, np.random.default_rng([seed, 0])
        out = np.empty(len(images.centres))
        for centre, half in product(range(len(images.names)), range(2)):
            test = (images.centres == centre) & (images.halves == half)
            others = np.flatnonzero(images.centres != centre)
            count = int(self.protocol.share * len(others))
            pool = np.flatnonzero(~test) if arm == NEW[0] else others
            out[test] = self._answers(model, rng.choice(pool, count, replace=False), np.flatnonzero(test))
        return out

    def ask_tied(self, model: str, arm: str, seed: int) -> Floats:
        """(n,): the tested images, by who was trained on the other half, in which class and centre are tied so far."""
        tested, rng = self.tested, np.random.default_rng([seed, 1])
        out = np.empty(len(tested))
        for half in range(2):
            chosen = self._drawn(1 - half, TIES[arm], rng)
            inside = self.images.halves[tested] == half
            out[inside] = self._answers(model, chosen, tested[inside])
        return out

    @property
    def tested(self) -> Integers:
        """As many images of each class and side in each half, so that class and centre are not tied."""
        rng = np.random.default_rng(0)
        return np.sort(np.concatenate([self._drawn(half, 0.5, rng) for half in range(2)]))

    @property
    def sides(self) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """The centres of each side."""
        names, side = self.images.names, self._side
        one, other = ([name for name, of in zip(names, side, strict=True) if of == place] for place in range(2))
        return tuple(one), tuple(other)

    def _drawn(self, half: int, tie: float, rng: np.random.Generator) -> Integers:
        """Of a half, twice the smallest cell; the share `tie` of each class is from its side, 0 for negatives."""
        cells = self._cells(half, self._side)
        least = min(map(len, cells.values()))
        own = round(tie * least)
        return np.concatenate(
            [
                rng.choice(cell, own if truth == side else least - own, replace=False)
                for (truth, side), cell in cells.items()
            ]
        )

    def _cells(self, half: int, sides: tuple[int, ...]) -> dict[tuple[int, int], Integers]:
        images, side = self.images, np.array(sides)[self.images.centres]
        return {
            (truth, place): np.flatnonzero((images.halves == half) & (images.truths == truth) & (side == place))
            for truth, place in product(range(2), range(2))
        }

    @property
    def _side(self) -> tuple[int, ...]:
        """Which of two sides each centre is on: so that the smallest cell is as large as can be."""
        count = len(self.images.names)
        divisions = [(0, *rest) for rest in product(range(2), repeat=count - 1) if any(rest)]
        best = max(divisions, key=self._least)
        if self._least(best) < _LEAST_CELL:
            raise DataError(
                f"no division of the {count} centres into two sides has {_LEAST_CELL} images of each class in each "
                "half; add images, or set patches"
            )
        return best

    def _least(self, sides: tuple[int, ...]) -> int:
        return min(len(cell) for half in range(2) for cell in self._cells(half, sides).values())

    def _answers(self, model: str, train: Integers, test: Integers) -> Floats:
        embeddings, truths = self.embeddings[model], self.images.truths
        fitted = make_pipeline(StandardScaler(), LogisticRegression(C=self.protocol.regularisation, max_iter=2000)).fit(
            embeddings[train], truths[train]
        )
        return np.asarray(fitted.predict_proba(embeddings[test])[:, 1])
