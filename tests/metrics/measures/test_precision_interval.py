"""The interval of the average precision: no narrower than the bootstrap's, and no point where nothing varies."""

import numpy as np
import pytest
from scipy import stats

from sentinode.metrics.measures.intervals import Resampling, percentile_interval
from sentinode.metrics.measures.precision_interval import average_precision_metric
from sentinode.metrics.measures.ranking import Ranking


def _drawn(truths: np.ndarray, scores: np.ndarray, resampling: Resampling) -> tuple[float, np.ndarray]:
    ranking = Ranking(truths, scores)
    drawn = [ranking.areas(row)[1] for weights in resampling.batches() for row in weights]
    return ranking.areas()[1], np.array(drawn)


def test_it_is_the_hull_of_the_bootstraps_and_of_a_rates_on_the_logit_scale() -> None:
    rng = np.random.default_rng(3)
    truths = np.repeat([0, 1], [60, 15])
    resampling = Resampling(truths, resamples=200)
    value, drawn = _drawn(truths, rng.normal(2 * truths, 1), resampling)
    metric, alone = (
        average_precision_metric(value, 15, drawn, resampling, n=75),
        percentile_interval(value, drawn, resampling, n=75),
    )
    odds, width = np.log(value / (1 - value)), stats.norm.ppf(0.975) / np.sqrt(15 * value * (1 - value))
    assert metric.low == pytest.approx(min(alone.low, 1 / (1 + np.exp(width - odds))))
    assert metric.high == pytest.approx(max(alone.high, 1 / (1 + np.exp(-width - odds))))
    assert metric.method.startswith("bootstrap within classes")


def test_all_positives_in_front_is_no_certainty() -> None:
    truths = np.repeat([0, 1], [50, 10])
    resampling = Resampling(truths, resamples=50)
    value, drawn = _drawn(truths, truths.astype(float), resampling)
    metric = average_precision_metric(value, 10, drawn, resampling, n=60)
    assert (metric.value, metric.high) == (1, 1)
    assert 0.5 < metric.low < 0.8


def test_it_holds_the_truth_with_twenty_positives() -> None:
    """The percentile bootstrap alone holds 0.85 of these; benchmarks/intervals.py has more cases."""
    truths, shift = np.repeat([0, 1], [100, 20]), stats.norm.ppf(0.98) * np.sqrt(2)
    at = np.linspace(-8, 12, 20_001)
    hits, false = 20 * stats.norm.sf(at, shift), 100 * stats.norm.sf(at)
    truth = float(np.trapezoid(hits / (hits + false) * stats.norm.pdf(at, shift), at))
    held = []
    for seed in range(100):
        resampling = Resampling(truths, resamples=100)
        value, drawn = _drawn(truths, np.random.default_rng(seed).normal(shift * truths, 1), resampling)
        metric = average_precision_metric(value, 20, drawn, resampling, n=120)
        held.append(metric.low <= truth <= metric.high)
    assert np.mean(held) >= 0.94
