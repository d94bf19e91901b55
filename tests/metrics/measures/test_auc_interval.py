"""The interval of the AUC covers with few positives; a difference of two has one that does not collapse."""

import numpy as np
import pytest
from scipy import stats

from sentinode.metrics.measures.auc_interval import (
    auc_difference,
    auc_metric,
    delong_metric,
    hanley_mcneil_variance,
    score_interval,
)


def _drawn(auc: float, spread: float, positives: int, negatives: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Truths and binormal scores whose AUC in the population is `auc`."""
    rng = np.random.default_rng(seed)
    shift = stats.norm.ppf(auc) * np.sqrt(1 + spread**2)
    scores = np.concatenate([rng.normal(0, 1, negatives), rng.normal(shift, spread, positives)])
    return np.repeat([0, 1], [negatives, positives]), scores


@pytest.mark.parametrize(("positives", "auc", "spread"), [(10, 0.95, 2.0), (15, 0.98, 2.0), (20, 0.95, 3.0)])
def test_few_positives_and_a_high_auc_are_covered(positives: int, auc: float, spread: float) -> None:
    held, alone = 0, 0
    for seed in range(400):
        truths, scores = _drawn(auc, spread, positives, 300, seed)
        metric, delong = auc_metric(truths, scores), delong_metric(truths, scores)
        held += metric.low <= auc <= metric.high
        alone += delong.low <= auc <= delong.high
    assert held / 400 >= 0.94
    assert alone / 400 < 0.9  # what it is there for


def test_many_samples_have_almost_delongs_interval() -> None:
    truths, scores = _drawn(0.9, 1.5, 2000, 2000, 0)
    metric, delong = auc_metric(truths, scores), delong_metric(truths, scores)
    assert metric.value == delong.value
    assert (metric.low, metric.high) == pytest.approx((delong.low, delong.high), abs=2e-3)


def test_the_score_interval_ends_where_the_standard_error_says() -> None:
    low, high = score_interval(0.9, 12, 80)
    for end in (low, high):
        assert abs(0.9 - end) == pytest.approx(1.959964 * np.sqrt(hanley_mcneil_variance(end, 12, 80)), rel=1e-5)


def test_the_variance_is_that_of_hanley_and_mcneils_example() -> None:
    # Radiology 143 (1982): area 0.893 of 51 abnormal and 58 normal images has the standard error 0.032.
    assert np.sqrt(hanley_mcneil_variance(0.893, 51, 58)) == pytest.approx(0.032, abs=1e-3)


def test_two_perfect_models_may_still_differ() -> None:
    truths = np.repeat([0, 1], [200, 15])
    metric, p_value = auc_difference(truths, truths + 0.0, truths * 2.0)
    assert (metric.value, p_value) == (0, 1)
    assert (metric.low, metric.high) == pytest.approx((0.025 ** (1 / 15) - 1, 1 - 0.025 ** (1 / 15)))


def test_a_perfect_model_against_an_almost_perfect_one_has_no_tiny_interval() -> None:
    truths = np.repeat([0, 1], [200, 15])
    scores = np.concatenate([np.linspace(0, 1, 200), np.linspace(0.999, 2, 15)])
    metric, _ = auc_difference(truths, truths + 0.0, scores)
    assert -0.01 < metric.value < 0
    assert metric.low < -0.05
    assert metric.high > 0.05


def test_the_interval_of_a_difference_covers() -> None:
    held = 0
    for seed in range(300):
        rng = np.random.default_rng(seed)
        truths = np.repeat([0, 1], [150, 15])
        shared = rng.normal(0, 0.7, 165)
        a, b = (shared + rng.normal(0, 0.7, 165) + 2.2 * truths for _ in range(2))
        metric, _ = auc_difference(truths, a, b)
        held += metric.low <= 0 <= metric.high
    assert held / 300 >= 0.94
