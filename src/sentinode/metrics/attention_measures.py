"""Whether attention over tiles says something: the deletion curve against random order, and hits on known lesions.

Deletion after Petsiuk, Das & Saenko 2018 (RISE), with tiles in place of pixels: a map that knows what speaks for tumour
brings the probability down sooner than tiles that are taken away at random.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sentinode.core.metric import Metric
from sentinode.metrics.measures.intervals import Resampling, percentile_interval, rate


@dataclass(frozen=True, eq=False)
class DeletionTest:
    """What S slides' probabilities do while tiles are taken away."""

    shares: tuple[float, ...]
    """Share of the tiles that is taken away, at each of K steps; the first is 0."""

    attended: tuple[float, ...]
    """Mean probability (K) where the tiles of most attention go first."""

    random: tuple[float, ...]
    """Mean probability (K) where tiles go in random order."""

    gap: Metric
    """Area between the two curves, the steps equally far apart: the mean over the steps beyond the first of random less
    attended, over the slides. Above 0, attention is on what the answer rests on."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        curves = {"shares": self.shares, "attended": self.attended, "random": self.random}
        return {**{name: list(values) for name, values in curves.items()}, "gap": self.gap.to_json()}


@dataclass(frozen=True)
class HitTest:
    """How often the tiles of most attention touch a lesion."""

    top: int
    """Tiles of a slide that were looked at."""

    hits: Metric
    """Share of the slides of which at least one of these tiles touches a lesion."""

    chance: float
    """The same for as many tiles drawn at random: exact, the mean over the slides of hypergeometric probabilities."""

    p_value: float
    """Probability of at least so many hits by such draws: exact, by convolution over the slides."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"top": self.top, "hits": self.hits.to_json(), "chance": self.chance, "p_value": self.p_value}


@dataclass(frozen=True, eq=False)
class AttentionFigures:
    """What the attention of one method is worth."""

    method: str
    slides: int
    """Slides with tumour that were looked at, each by a model that had not learned from it."""
    deletion: DeletionTest
    hits: HitTest | None
    """None without outlined lesions."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        hits = None if self.hits is None else self.hits.to_json()
        return {"method": self.method, "slides": self.slides, "deletion": self.deletion.to_json(), "hits": hits}


def deletion_test(
    shares: Sequence[float],
    attended: NDArray[np.float64],
    random: NDArray[np.float64],
    groups: Sequence[str] | None = None,
    *,
    seed: int = 42,
) -> DeletionTest:
    """Compare curves.

    Args:
        shares: What is taken away at each of K steps.
        attended: (S, K) probabilities, tiles of most attention taken first.
        random: (S, K), tiles in random order; a mean over several orders has less noise.
        groups: Patient of each slide (S), of which whole ones are resampled.
        seed: Of the bootstrap.
    """
    gaps = (random - attended)[:, 1:].mean(axis=1)  # (S,)
    codes = None if groups is None else np.unique(np.asarray(groups, str), return_inverse=True)[1].astype(np.int64)
    resampling = Resampling(np.zeros(len(gaps), np.int64), codes, seed=seed)
    drawn = np.concatenate([weights @ gaps / weights.sum(axis=1) for weights in resampling.batches()])
    gap = percentile_interval(float(gaps.mean()), drawn, resampling, n=len(gaps))
    means = [tuple(curves.mean(axis=0).tolist()) for curves in (attended, random)]
    return DeletionTest(tuple(shares), means[0], means[1], gap)


def hit_test(tiles: Sequence[int], touching: Sequence[int], hits: Sequence[bool], top: int) -> HitTest:
    """Compare hits with those of tiles drawn at random.

    Args:
        tiles: Tiles of each slide (S).
        touching: How many of them touch a lesion.
        hits: Whether one of the `top` tiles of most attention does.
        top: How many were looked at; of a slide with fewer tiles, all of them.
    """
    by_chance = np.array([_chance(n, m, min(top, n)) for n, m in zip(tiles, touching, strict=True)])
    found = int(np.sum(hits))
    distribution = np.ones(1)  # of the number of hits among the slides so far
    for p in by_chance:
        distribution = np.convolve(distribution, [1 - p, p])
    p_value = float(min(1.0, distribution[found:].sum()))
    mean = float(by_chance.mean()) if len(by_chance) else 0.0
    return HitTest(top, rate(found, len(tiles), "no slide with an outlined lesion"), mean, p_value)


def _chance(tiles: int, touching: int, drawn: int) -> float:
    """1 − C(n − m, k) / C(n, k): that one of k tiles drawn without replacement is among m of n."""
    if drawn > tiles - touching:
        return 1.0
    log_none = _log_choose(tiles - touching, drawn) - _log_choose(tiles, drawn)
    return float(-np.expm1(log_none))


def _log_choose(n: int, k: int) -> float:
    return float(special.gammaln(n + 1) - special.gammaln(k + 1) - special.gammaln(n - k + 1))
