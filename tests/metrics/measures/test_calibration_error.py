"""The calibration error is 0 on average where it should be, and its interval holds the truth."""

import numpy as np
import pytest

from sentinode.core.metric import Metric
from sentinode.metrics.measures.calibration import equal_mass_bins, reliability
from sentinode.metrics.measures.calibration_error import calibration_error
from sentinode.metrics.measures.intervals import Resampling


def _measured(predicted: np.ndarray, outcomes: np.ndarray, groups: np.ndarray | None = None) -> Metric:
    return calibration_error(predicted, outcomes, Resampling(outcomes.astype(np.int64), groups, 200, 0))


def _truth(predicted: np.ndarray, real: np.ndarray) -> float:
    """The error of these bins, were every outcome replaced by its probability."""
    where = equal_mass_bins(predicted)
    return float(np.sqrt(np.mean([(real - predicted)[where == bin_].mean() ** 2 for bin_ in range(10)])))


@pytest.mark.parametrize("off", [0.0, 0.6])
@pytest.mark.parametrize("n", [100, 1000])
def test_the_interval_holds_the_truth(n: int, off: float) -> None:
    held, lows, values = 0, 0, []
    for seed in range(120):
        rng = np.random.default_rng(seed)
        logits = rng.normal(0, 2.5, n)
        predicted, real = 1 / (1 + np.exp(-logits)), 1 / (1 + np.exp(-logits - off))
        metric = _measured(predicted, (rng.random(n) < real).astype(float))
        held += metric.low <= _truth(predicted, real) <= metric.high
        lows += metric.low == 0
        values.append(metric.value**2)
    assert held / 120 >= 0.92
    if not off:
        assert lows / 120 >= 0.94
        # Ten bins of binomial noise alone would give a mean square of about 9.2 × mean p (1 - p) / n.
        assert np.mean(values) < 0.6 * 9.2 * 0.09 / n


def test_without_noise_it_is_the_gap_of_the_printed_points() -> None:
    predicted = np.repeat(np.arange(10) / 10 + 0.05, 2000)
    outcomes = (np.tile(np.arange(2000), 10) < np.repeat(2000 * (np.arange(10) / 20), 2000)).astype(float)
    points = reliability(predicted, outcomes)
    expected = np.sqrt(np.mean([(point.observed - point.predicted) ** 2 for point in points]))
    metric = _measured(predicted, outcomes)
    assert metric.value == pytest.approx(expected, rel=2e-3)
    assert metric.low < metric.value < metric.high


def test_whole_slides_that_are_off_widen_the_interval() -> None:
    rng = np.random.default_rng(0)
    groups = np.repeat(np.arange(20), 50)
    logits = rng.normal(0, 1.5, 1000)
    real = 1 / (1 + np.exp(-logits - rng.normal(0, 1.5, 20)[groups]))
    predicted, outcomes = 1 / (1 + np.exp(-logits)), (rng.random(1000) < real).astype(float)
    by_sample, by_group = _measured(predicted, outcomes), _measured(predicted, outcomes, groups)
    assert by_group.value < by_sample.value  # what slides differ in is noise, too
    assert by_group.low <= by_sample.low
    assert by_group.high >= by_sample.high
    assert "bootstrap over 20 groups" in by_group.method


@pytest.mark.parametrize("n", [1, 2, 7])
def test_a_handful_of_samples_says_next_to_nothing(n: int) -> None:
    metric = _measured(np.linspace(0.2, 0.8, n), np.arange(n) % 2.0)
    assert 0 <= metric.low <= metric.value <= metric.high <= 1
    assert metric.high > 0.3
