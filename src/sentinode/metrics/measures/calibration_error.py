"""How far probabilities are from what comes true: a debiased calibration error, with an interval that holds it."""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from sentinode.core.metric import Metric
from sentinode.metrics.measures.calibration import equal_mass_bins
from sentinode.metrics.measures.intervals import LEVEL, Resampling, wider

# Half of what is due on each side: how the gaps are shared out over the bins is known from the same noisy bins alone,
# and with 2.5 % simulated intervals held 92 to 94 % of the errors of models that are off.
_TAIL = (1 - LEVEL) / 4
_DRAWS = 1000
_STEPS = 14  # of bisection: ends to within 1e-4
_METHOD = "root mean square over equal-mass bins, debiased; interval by test inversion"


@dataclass(frozen=True, eq=False)
class _Bins:
    """Equal-mass bins (B) of samples."""

    n: NDArray[np.int64]
    """Samples of each."""

    predicted: NDArray[np.float64]
    """Mean probability of each."""

    gaps: NDArray[np.float64]
    """Share that came true less mean probability."""

    noise: NDArray[np.float64]
    """Estimated variance of each gap."""

    which: NDArray[np.int64]
    """Bin of each sample (N)."""

    @property
    def mass(self) -> NDArray[np.float64]:
        """Share of the samples in each bin."""
        return np.asarray(self.n / self.n.sum(), dtype=np.float64)

    def error(self, gaps: NDArray[np.float64]) -> NDArray[np.float64]:
        """Mean square of gaps (..., B)."""
        squares: NDArray[np.float64] = np.asarray((gaps**2) @ self.mass)
        return squares


def calibration_error(predicted: ArrayLike, outcomes: ArrayLike, resampling: Resampling) -> Metric:
    """Root mean square of observed less predicted over ten equal-mass bins, less what noise alone adds.

    The mean of |observed − predicted| is above 0 for a perfectly calibrated model, the more the fewer samples there are
    (Roelofs et al. 2022, Mitigating bias in calibration error estimation). The square's excess is the variance of the
    bins' gaps, and is taken off (Kumar, Liang & Ma 2019, Verified uncertainty calibration); what falls below 0 is 0.

    The interval holds every error under which so large, and so small, a mean square is not too rare, the gaps being
    shaped as those observed: for a perfectly calibrated model its low end is 0 in some 98 % of samples.
    Noise is binomial in each bin; where groups are known, it is also that of resampled groups, and the wider interval
    is taken.

    Args:
        predicted: Probabilities of what should come true (N).
        outcomes: 1 where it did, otherwise 0 (N).
        resampling: Groups and seed.
    """
    bins = _binned(np.asarray(predicted, np.float64), np.asarray(outcomes, np.float64))
    if not resampling.by_group:
        return _inverted(bins, _debiased(bins, bins.noise), None, resampling.seed, f"{_METHOD}, binomial noise")
    residuals = np.asarray(outcomes, np.float64) - np.asarray(predicted, np.float64)
    deviations = _resampled(bins, residuals, resampling)
    value = _debiased(bins, np.maximum(bins.noise, deviations.var(axis=0)))
    by_sample = _inverted(bins, value, None, resampling.seed, "binomial noise")
    return wider(_inverted(bins, value, deviations, resampling.seed, f"{_METHOD}, {resampling}"), by_sample)


def _debiased(bins: _Bins, noise: NDArray[np.float64]) -> float:
    return float(np.sqrt(max(0.0, float(bins.error(bins.gaps) - bins.mass @ noise))))


def _binned(predicted: NDArray[np.float64], outcomes: NDArray[np.float64]) -> _Bins:
    _, which = np.unique(equal_mass_bins(predicted), return_inverse=True)
    n = np.bincount(which)
    means = np.bincount(which, weights=predicted) / n
    residuals = outcomes - predicted
    gaps = np.bincount(which, weights=residuals) / n
    spread = np.bincount(which, weights=(residuals - gaps[which]) ** 2)
    # A bin of one sample has no spread of its own; then the variance is what the probability itself says.
    noise = np.where(n > 1, spread / np.maximum(n - 1, 1), means * (1 - means)) / n
    return _Bins(n, means, gaps, noise, which)


def _inverted(bins: _Bins, value: float, deviations: NDArray[np.float64] | None, seed: int, method: str) -> Metric:
    """Errors at which the observed mean square is neither too large nor too small for 2.5 % of draws."""
    observed = float(bins.error(bins.gaps))
    length = float(np.sqrt(observed))
    shape = bins.gaps / length if length > 1e-9 else np.ones(len(bins.n))

    def squares(error: float) -> NDArray[np.float64]:
        if deviations is not None:
            return bins.error(error * shape + deviations)
        expected = np.clip(bins.predicted + error * shape, 0, 1)
        hits = np.random.default_rng(seed).binomial(bins.n, expected, (_DRAWS, len(bins.n)))
        return bins.error(hits / bins.n - bins.predicted)

    # Equal up to rounding is equal.
    low = _turn(lambda error: bool((squares(error) >= observed * (1 - 1e-9)).mean() > _TAIL), 0.0, length)
    high = _turn(lambda error: bool((squares(error) <= observed * (1 + 1e-9)).mean() > _TAIL), 1.0, length)
    return Metric(value, min(low, value), max(high, value), method, int(bins.n.sum()))


def _turn(holds: Callable[[float], bool], outer: float, inner: float) -> float:
    """The error nearest to `outer` for which it holds, as it does for `inner`."""
    if holds(outer):
        return outer
    for _ in range(_STEPS):
        middle = (outer + inner) / 2
        outer, inner = (outer, middle) if holds(middle) else (middle, inner)
    return inner


def _resampled(bins: _Bins, residuals: NDArray[np.float64], resampling: Resampling) -> NDArray[np.float64]:
    """How far the gaps of resampled groups are from those observed (R, B)."""
    member = np.eye(len(bins.n))[bins.which]
    parts = []
    for weights in resampling.batches():
        counts, sums = weights @ member, weights @ (member * residuals[:, None])
        parts.append(np.divide(sums, counts, out=np.tile(bins.gaps, (len(sums), 1)), where=counts > 0) - bins.gaps)
    return np.concatenate(parts)
