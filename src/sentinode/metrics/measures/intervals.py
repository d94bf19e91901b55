"""Intervals: exact ones for rates, bootstrap ones for everything else, by group where groups are known."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from sentinode.core.messages import plural
from sentinode.core.metric import Metric

LEVEL = 0.95
"""Level of every two-sided interval."""

NORMAL_WIDTH = float(stats.norm.ppf((1 + LEVEL) / 2))
"""Standard deviations of a normal distribution on either side of its mean that hold `LEVEL` of it."""

FEW_GROUPS = 20
"""With fewer groups than this a bootstrap over groups is known to be too narrow (Cameron, Gelbach & Miller 2008)."""

# Weights of one batch of resamples stay near 16 MB, whatever the number of samples.
_BATCH_VALUES = 2_000_000


def clopper_pearson(
    successes: ArrayLike, trials: ArrayLike, level: float = LEVEL
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Exact two-sided interval of a proportion, (0, 1) without trials (Clopper & Pearson 1934). Arrays broadcast."""
    k, n = np.asarray(successes, dtype=np.float64), np.asarray(trials, dtype=np.float64)
    tail = (1 - level) / 2
    low = np.where(k > 0, stats.beta.ppf(tail, np.maximum(k, 1), n - k + 1), 0.0)
    high = np.where(k < n, stats.beta.ppf(1 - tail, k + 1, np.maximum(n - k, 1)), 1.0)
    return low, high


def clopper_pearson_lower(successes: ArrayLike, trials: ArrayLike, confidence: float) -> NDArray[np.float64]:
    """Exact one-sided lower bound of a proportion: it lies above this with at least that confidence."""
    # The lower end of a two-sided interval leaves (1 - level) / 2 below itself; here that is 1 - confidence.
    return clopper_pearson(successes, trials, level=2 * confidence - 1)[0]


def rate(successes: int, trials: int, empty: str) -> Metric:
    """A proportion with its Clopper–Pearson interval; without trials undefined, for the reason `empty`."""
    if trials == 0:
        return Metric.undefined(empty, 0)
    low, high = clopper_pearson(successes, trials)
    return Metric(successes / trials, float(low), float(high), "Clopper–Pearson", trials)


@dataclass(frozen=True, eq=False)
class Resampling:
    """How a bootstrap draws: whole groups where they are known, otherwise samples, within each class."""

    labels: NDArray[np.int64]
    """Class of each sample (N). Drawing within classes keeps their sizes, which the design of a test set fixes."""

    groups: NDArray[np.int64] | None = None
    """Group of each sample (N), numbered from 0; taken only when there are at least two groups."""

    resamples: int = 1000
    """Number of resamples."""

    seed: int = 42
    """Seed: the same data gives the same interval."""

    @property
    def group_count(self) -> int | None:
        """Number of groups, or None where none is known."""
        return None if self.groups is None else int(self.groups.max()) + 1

    @property
    def by_group(self) -> bool:
        """Whether whole groups are drawn."""
        return self.groups is not None and self.groups.max() > 0

    def __str__(self) -> str:
        if self.by_group and self.group_count is not None:
            return f"bootstrap over {plural(self.group_count, 'group')}, {self.resamples} resamples"
        return f"bootstrap within classes, {self.resamples} resamples"

    def batches(self) -> Iterator[NDArray[np.float64]]:
        """How often each sample is in each resample: arrays (B, N), together `resamples` rows."""
        rng = np.random.default_rng(self.seed)
        n, left = len(self.labels), self.resamples
        strata = [np.flatnonzero(self.labels == label) for label in np.unique(self.labels)]
        while left > 0:
            rows = min(left, max(1, _BATCH_VALUES // n))
            left -= rows
            if self.by_group and self.groups is not None:
                count = int(self.groups.max()) + 1
                drawn = rng.multinomial(count, np.full(count, 1 / count), size=rows).astype(np.float64)
                # `take`, because indexing would lay each resample out with gaps, which costs ten times the time.
                yield drawn.take(self.groups, axis=1)
                continue
            weights = np.empty((rows, n))
            for row in weights:
                for members in strata:
                    m = len(members)
                    row[members] = np.bincount(rng.integers(0, m, m), minlength=m)
            yield weights


def percentile_interval(estimate: float, drawn: NDArray[np.float64], resampling: Resampling, *, n: int) -> Metric:
    """A figure with its percentile bootstrap interval (Efron & Tibshirani 1993).

    Args:
        estimate: The figure on all samples; not NaN.
        drawn: The figure on each resample (B); NaN where it is undefined there.
        resampling: How the resamples were drawn.
        n: Samples that the figure rests on.
    """
    defined = drawn[np.isfinite(drawn)]
    missing = len(drawn) - len(defined)
    if len(defined) < len(drawn) / 2:
        return Metric(estimate, None, None, f"no interval: undefined in {missing} of {len(drawn)} resamples", n)
    if np.ptp(defined) < 1e-12:
        return Metric(estimate, None, None, "no interval: every resample gives the same value", n)
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(defined, [tail, 1 - tail])
    notes = [", percentile"]
    if missing:
        notes.append(f" ({missing} undefined resamples left out)")
    # In tiny sets the estimate can lie outside the percentiles; an interval that excludes it would be absurd.
    return Metric(estimate, min(float(low), estimate), max(float(high), estimate), f"{resampling}{''.join(notes)}", n)


def wider(first: Metric, second: Metric) -> Metric:
    """`first` with an interval no narrower than `second`'s.

    Used where samples of a group resemble each other: a bootstrap over groups is right for that, but it collapses when
    nothing varies between the groups (no error at all), where the interval for independent samples still stands.
    """
    if first.low is None or first.high is None:
        return second
    if second.low is None or second.high is None:
        return first
    low, high = min(first.low, second.low), max(first.high, second.high)
    return Metric(first.value, low, high, f"{first.method}, no narrower than {second.method}", first.n)
