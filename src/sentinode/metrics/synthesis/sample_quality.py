"""Figures of drawn images against real ones, with intervals, beside those of other real images: the floor."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.metric import Metric
from sentinode.metrics.synthesis.distribution_distance import frechet_distance, kernel, kernel_distance_of
from sentinode.metrics.synthesis.manifold import covered, distances, radii

Floats = NDArray[np.float64]
_DRAWS = 60
_FEWEST = 20


@dataclass(frozen=True)
class SampleQuality:
    """How one set of images compares with real ones."""

    frechet: Metric
    kernel: Metric
    """Times 1,000."""
    precision: Metric
    recall: Metric

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {name: getattr(self, name).to_json() for name in ("frechet", "kernel", "precision", "recall")}


def sample_quality(real: Floats, drawn: Floats, seed: int = 0) -> SampleQuality:
    """Four figures, each with the interval of half-samples.

    Half of each set is taken without replacement, 60 times. The deviations of these figures from their own mean are as
    large as those of a whole sample from the truth (Politis and Romano 1994), and are laid around the figure of all
    images. A bootstrap with replacement would not do: an image that is there twice is its own neighbour. Images count
    as independent; those of one slide are not, so the intervals are too narrow rather than too wide.

    Args:
        real: (N, D) features of real images.
        drawn: (M, D) of the others.
        seed: Of the halves.

    Raises:
        ValueError: There are fewer than 20 of either.
    """
    if min(len(real), len(drawn)) < _FEWEST:
        raise ValueError(
            f"of real and drawn images there are {len(real)} and {len(drawn)}; {_FEWEST} of each are needed"
        )
    pairs = _Pairs(real, drawn)
    whole = pairs.figures(np.arange(len(real)), np.arange(len(drawn)))
    rng = np.random.default_rng(seed)
    halves = np.array(
        [
            pairs.figures(*(rng.permutation(len(part))[: len(part) // 2] for part in (real, drawn)))
            for _ in range(_DRAWS)
        ]
    )
    deviations = np.quantile(halves - halves.mean(axis=0), (0.025, 0.975), axis=0)
    words = f"half-samples without replacement, {_DRAWS} draws"
    bounds: tuple[Callable[[float], float], ...] = (_not_below_zero, float, _share, _share)
    metrics = [
        Metric(value, bound(value + low), bound(value + high), words, len(drawn))
        for value, low, high, bound in zip(whole, *deviations, bounds, strict=True)
    ]
    return SampleQuality(*metrics)


class _Pairs:
    """All that is asked of pairs of images, computed once."""

    def __init__(self, real: Floats, drawn: Floats) -> None:
        self.real, self.drawn = real, drawn
        self.apart = distances(real, real), distances(drawn, drawn), distances(real, drawn)
        self.kernels = kernel(real, real), kernel(drawn, drawn), kernel(real, drawn)

    def figures(self, real: NDArray[np.int64], drawn: NDArray[np.int64]) -> tuple[float, float, float, float]:
        """Of the images at these places."""
        places = (np.ix_(real, real), np.ix_(drawn, drawn), np.ix_(real, drawn))
        within, between_drawn, across = (part[place] for part, place in zip(self.apart, places, strict=True))
        return (
            frechet_distance(self.real[real], self.drawn[drawn]),
            1000 * kernel_distance_of(*(part[place] for part, place in zip(self.kernels, places, strict=True))),
            float(covered(radii(within), across).mean()),
            float(covered(radii(between_drawn), across.T).mean()),
        )


def _not_below_zero(value: float) -> float:
    return max(0.0, float(value))


def _share(value: float) -> float:
    return float(np.clip(value, 0, 1))
