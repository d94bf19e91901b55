import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from sentinode.core.metric import Metric
from sentinode.metrics.measures.intervals import (
    Resampling,
    clopper_pearson,
    clopper_pearson_lower,
    percentile_interval,
    rate,
    wider,
)


@given(st.integers(1, 400), st.data())
def test_clopper_pearson_is_scipys_exact_interval(trials, data):
    successes = data.draw(st.integers(0, trials))
    low, high = clopper_pearson(successes, trials)
    expected = stats.binomtest(successes, trials).proportion_ci(0.95, "exact")
    assert (low, high) == pytest.approx((expected.low, expected.high), abs=1e-9)
    assert low <= successes / trials <= high


def test_clopper_pearson_takes_arrays_and_no_trials():
    low, high = clopper_pearson([0, 5, 0], [10, 5, 0])
    assert low == pytest.approx([0, 0.025 ** (1 / 5), 0])
    assert high == pytest.approx([1 - 0.025 ** (1 / 10), 1, 1])


def test_the_one_sided_bound_leaves_its_tail_below():
    # With 59 of 59 right, sensitivity is at least 0.95 with 95 % confidence: the smallest such number.
    assert clopper_pearson_lower(59, 59, 0.95) >= 0.95
    assert clopper_pearson_lower(58, 58, 0.95) < 0.95
    bound = float(clopper_pearson_lower(90, 100, 0.9))
    assert stats.binom.sf(89, 100, bound) == pytest.approx(0.1)


def test_a_rate_without_trials_says_why():
    metric = rate(0, 0, "no positive prediction")
    assert (metric.value, metric.low, metric.high, metric.n) == (None, None, None, 0)
    assert metric.method == "undefined: no positive prediction"


@given(st.lists(st.integers(0, 2), min_size=3, max_size=40), st.integers(0, 5))
def test_resamples_keep_the_class_sizes(labels, seed):
    labels = np.array(labels)
    weights = np.concatenate(list(Resampling(labels, None, 20, seed).batches()))
    assert weights.shape == (20, len(labels))
    for label in np.unique(labels):
        assert (weights[:, labels == label].sum(axis=1) == (labels == label).sum()).all()


def test_resamples_take_whole_groups():
    groups = np.array([0, 1, 1, 2, 2, 2])
    resampling = Resampling(np.array([0, 1, 0, 1, 0, 1]), groups, 200, 1)
    weights = np.concatenate(list(resampling.batches()))
    for group in range(3):
        members = weights[:, groups == group]
        assert (members == members[:, :1]).all()
    assert (weights[:, 0] + weights[:, 1] + weights[:, 3] == 3).all()
    assert str(resampling) == "bootstrap over 3 groups, 200 resamples"


def test_one_group_is_no_group_to_draw():
    resampling = Resampling(np.array([0, 1, 1]), np.zeros(3, dtype=np.int64), 5, 1)
    assert not resampling.by_group
    weights = np.concatenate(list(resampling.batches()))
    assert (weights[:, 0] == 1).all()


def test_the_same_seed_draws_the_same_whatever_the_batches():
    labels = np.arange(3000) % 2
    first, again, other = (np.concatenate(list(Resampling(labels, None, 700, seed).batches())) for seed in (4, 4, 5))
    assert (first == again).all()
    assert (first != other).any()


def test_the_bootstrap_of_a_mean_has_its_standard_error():
    rng = np.random.default_rng(2)
    values = rng.normal(10, 2, 400)
    resampling = Resampling(np.zeros(400, dtype=np.int64), None, 2000, 0)
    drawn = np.concatenate([weights @ values / 400 for weights in resampling.batches()])
    metric = percentile_interval(float(values.mean()), drawn, resampling, n=400)
    error = values.std() / 20
    assert (metric.low, metric.high) == pytest.approx(
        (values.mean() - 1.96 * error, values.mean() + 1.96 * error), abs=0.03
    )


def test_groups_that_agree_within_widen_the_interval():
    groups = np.repeat(np.arange(25), 40)
    values = np.random.default_rng(0).normal(0, 1, 25)[groups]
    labels = np.zeros(1000, dtype=np.int64)
    widths = []
    for resampling in (Resampling(labels, None, 500, 0), Resampling(labels, groups, 500, 0)):
        drawn = np.concatenate([weights @ values / weights.sum(axis=1) for weights in resampling.batches()])
        metric = percentile_interval(float(values.mean()), drawn, resampling, n=1000)
        widths.append(metric.high - metric.low)
    # 40 equal samples of a group are one sample: the interval is wider by about the square root of 40.
    assert widths[1] / widths[0] == pytest.approx(np.sqrt(40), rel=0.15)


def test_undefined_resamples_are_counted_or_refused():
    resampling = Resampling(np.array([0, 1]), None, 10, 0)
    few = np.array([0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, np.nan, np.nan])
    assert "2 undefined resamples left out" in percentile_interval(0.4, few, resampling, n=2).method
    many = np.where(np.arange(10) < 6, np.nan, 0.3)
    metric = percentile_interval(0.3, many, resampling, n=2)
    assert metric.low is None
    assert metric.method == "no interval: undefined in 6 of 10 resamples"
    same = percentile_interval(1.0, np.ones(10), resampling, n=2)
    assert (same.value, same.low) == (1.0, None)


def test_the_wider_interval_takes_both_ends():
    first, second = Metric(0.5, 0.4, 0.6, "a", 10), Metric(0.5, 0.45, 0.7, "b", 10)
    both = wider(first, second)
    assert (both.low, both.high, both.method) == (0.4, 0.7, "a, no narrower than b")
    nothing = Metric(0.5, None, None, "c", 10)
    assert wider(nothing, second) is second
    assert wider(first, nothing) is first
