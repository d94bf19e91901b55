"""AUC and DeLong against scikit-learn, the definition, and published values."""

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.metrics import roc_curve as sklearn_roc_curve

from sentinode.metrics.measures.auc_interval import auc_metric
from sentinode.metrics.measures.ranking import Ranking
from sentinode.metrics.measures.roc import (
    auc,
    delong,
    paired_delong,
    precision_recall_curve,
    roc_curve,
    thinned,
)

# Ratings of 109 CT images by one reader, 58 normal and 51 abnormal: Hanley & McNeil, Radiology 143 (1982), table 1.
CT_NORMAL, CT_ABNORMAL = (33, 6, 6, 11, 2), (3, 2, 2, 11, 33)

# Albumin, total protein, K-G score and outcome (0: surgery did not help) of the 43 complete records of DeLong, DeLong &
# Clarke-Pearson, Biometrics 44 (1988), as SAS/STAT's documentation of PROC LOGISTIC prints them ("Comparing Receiver
# Operating Characteristic Curves"); the values tested below are those that it prints.
OVARIAN_TEXT = """
    3.0 5.8 10 0  3.2 6.3 5 1  3.9 6.8 3 1  2.8 4.8 6 0  3.2 5.8 3 1  0.9 4.0 5 0  2.5 5.7 8 0  1.6 5.6 5 1
    3.8 5.7 5 1  3.7 6.7 6 1  3.2 5.4 4 1  3.8 6.6 6 1  4.1 6.6 5 1  3.6 5.7 5 1  4.3 7.0 4 1  3.6 6.7 4 0
    2.3 4.4 6 1  4.2 7.6 4 0  4.0 6.6 6 0  3.5 5.8 6 1  3.8 6.8 7 1  3.0 4.7 8 0  4.5 7.4 5 1  3.7 7.4 5 1
    3.1 6.6 6 1  4.1 8.2 6 1  4.3 7.0 5 1  4.3 6.5 4 1  3.2 5.1 5 1  2.6 4.7 6 1  3.3 6.8 6 0  1.7 4.0 7 0
    3.7 6.1 5 1  3.3 6.3 7 1  4.2 7.7 6 1  3.5 6.2 5 1  2.9 5.7 9 0  2.1 4.8 7 1  2.8 6.2 8 0  4.0 7.0 7 1
    3.3 5.7 6 1  3.7 6.9 5 1  3.6 6.6 5 1
"""
OVARIAN = np.array(OVARIAN_TEXT.split(), dtype=float).reshape(43, 4)


@st.composite
def scored(draw, least=1):
    """Truths and scores with many ties, at least `least` of each class."""
    n = draw(st.integers(2 * least, 60))
    truths = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    assume(least <= truths.sum() <= n - least)
    scores = np.array(draw(st.lists(st.integers(0, draw(st.sampled_from([2, 10, 1000]))), min_size=n, max_size=n)))
    return truths.astype(int), scores / 1000


def placements(truths, scores):
    """DeLong's placement values by their definition, one pair at a time."""
    positive, negative = scores[truths == 1], scores[truths == 0]
    wins = (positive[:, None] > negative) + 0.5 * (positive[:, None] == negative)
    return wins.mean(axis=1), wins.mean(axis=0)


@given(scored())
def test_areas_agree_with_scikit_learn(data):
    truths, scores = data
    assert auc(truths, scores) == pytest.approx(roc_auc_score(truths, scores), abs=1e-12)
    expected = average_precision_score(truths, scores)
    assert Ranking(truths, scores).areas()[1] == pytest.approx(expected, abs=1e-12)


def test_areas_agree_with_scikit_learn_on_float32_scores():
    rng = np.random.default_rng(3)
    truths = rng.integers(0, 2, 5000)
    scores = (1 / (1 + np.exp(-rng.normal(truths * 2.0, 1)))).astype(np.float32)
    assert auc(truths, scores) == pytest.approx(roc_auc_score(truths, scores), abs=1e-12)


@given(scored(), st.data())
def test_a_weighted_area_is_the_area_of_the_repeated_samples(data, more):
    truths, scores = data
    weights = np.array(more.draw(st.lists(st.integers(0, 3), min_size=len(truths), max_size=len(truths))))
    repeated = np.repeat(np.arange(len(truths)), weights)
    found = Ranking(truths, scores).areas(weights.astype(float))
    if 0 < truths[repeated].sum() < len(repeated):
        assert found[0] == pytest.approx(roc_auc_score(truths[repeated], scores[repeated]), abs=1e-12)
        assert found[1] == pytest.approx(average_precision_score(truths[repeated], scores[repeated]), abs=1e-12)
    else:
        assert np.isnan(found[0])


@given(scored(least=2))
def test_auc_and_its_variance_follow_the_order_alone(data):
    truths, scores = data
    before, after = delong(truths, scores), delong(truths, np.exp(3 * scores) - 7)
    assert before.aucs == pytest.approx(after.aucs)
    assert before.covariance == pytest.approx(after.covariance)
    assert delong(truths, -scores).aucs == pytest.approx(1 - before.aucs)


@given(scored(least=2), st.randoms(use_true_random=False))
def test_delong_is_the_covariance_of_placement_values(data, random):
    truths, scores = data
    other = np.array([random.randint(0, 5) for _ in scores]) / 5
    found = delong(truths, np.stack([scores, other]))
    first, second = placements(truths, scores), placements(truths, other)
    positives = np.cov(np.stack([first[0], second[0]])) / len(first[0])
    negatives = np.cov(np.stack([first[1], second[1]])) / len(first[1])
    assert found.covariance == pytest.approx(positives + negatives, abs=1e-12)


@given(scored())
def test_the_interval_holds_the_estimate_and_stays_a_share(data):
    metric = auc_metric(*data)
    if metric.low is None:
        assert "needs two samples" in metric.method
    else:
        assert 0 <= metric.low <= metric.value <= metric.high <= 1


def test_the_published_rating_data():
    # Stata's manual, [R] roctab: ROC area 0.8932, standard error (DeLong) 0.0307, 95 % interval 0.83295 to 0.95339.
    truths = np.repeat([0, 1], [58, 51])
    ratings = np.concatenate([np.repeat(np.arange(1, 6), counts) for counts in (CT_NORMAL, CT_ABNORMAL)])
    result = delong(truths, ratings)
    assert result.aucs[0] == pytest.approx(0.8932, abs=5e-5)
    error = np.sqrt(result.covariance[0, 0])
    assert error == pytest.approx(0.0307, abs=5e-5)
    assert result.aucs[0] - 1.959964 * error == pytest.approx(0.83295, abs=5e-6)
    # On the logit scale the interval leans away from 1.
    metric = auc_metric(truths, ratings)
    assert metric.value - metric.low > metric.high - metric.value
    assert metric.high < 0.95339


def test_the_published_ovarian_cancer_data():
    albumin, protein, score, outcome = OVARIAN.T
    truths = outcome == 0
    result = delong(truths, np.stack([-albumin, score, -protein]))
    assert result.aucs == pytest.approx([0.7366, 0.7258, 0.6478], abs=5e-5)
    assert np.sqrt(np.diag(result.covariance)) == pytest.approx([0.0927, 0.1028, 0.1000], abs=5e-5)


@pytest.mark.parametrize(
    ("column", "difference", "low", "high", "p_value"),
    [(0, 0.0108, -0.1761, 0.1976, 0.9102), (1, -0.0780, -0.2830, 0.1271, 0.4561)],
)
def test_the_published_paired_tests_against_the_kg_score(column, difference, low, high, p_value):
    tested = paired_delong(OVARIAN[:, 3] == 0, OVARIAN[:, 2], -OVARIAN[:, column])
    assert tested.difference == pytest.approx(difference, abs=5e-5)
    assert (tested.low, tested.high) == pytest.approx((low, high), abs=1e-4)
    assert tested.p_value == pytest.approx(p_value, abs=1e-4)


def test_a_perfect_ranking_has_an_exact_lower_bound():
    metric = auc_metric([0] * 40 + [1] * 15, np.arange(55))
    assert (metric.value, metric.high) == (1.0, 1.0)
    # Fifteen independent pairs in the right order: the same bound as for 15 successes of 15.
    assert metric.low == pytest.approx(0.025 ** (1 / 15))
    reverse = auc_metric([0] * 40 + [1] * 15, -np.arange(55))
    assert (reverse.low, reverse.value, reverse.high) == pytest.approx((0.0, 0.0, 1 - metric.low))


def test_one_class_alone_has_no_auc():
    assert np.isnan(auc([1, 1], [0.2, 0.3]))
    assert auc_metric([1, 1], [0.2, 0.3]).method == "undefined: no negative sample"
    assert auc_metric([0], [0.2]).value is None
    assert roc_curve([1, 1], [0.2, 0.3]) is None
    assert precision_recall_curve([0, 0], [0.2, 0.3]) is None


def test_equal_rankings_do_not_differ():
    truths = np.array([0, 1, 0, 1, 1])
    scores = np.array([0.1, 0.4, 0.5, 0.6, 0.9])
    tested = paired_delong(truths, scores, scores**2)
    assert (tested.difference, tested.low, tested.high, tested.p_value) == (0, 0, 0, 1)
    # Perfect against perfectly wrong: neither varies, so the test is silent.
    opposed = paired_delong(truths, truths, -truths)
    assert opposed.difference == -1
    assert np.isnan(opposed.p_value)


@given(scored())
def test_the_curve_passes_through_scikit_learns(data):
    truths, scores = data
    curve = roc_curve(truths, scores)
    x, y, _ = sklearn_roc_curve(truths, scores, drop_intermediate=False)
    assert curve.false_positive_rate == pytest.approx(x)
    assert curve.sensitivity == pytest.approx(y)
    area = np.trapezoid(curve.sensitivity, curve.false_positive_rate)
    assert area == pytest.approx(auc(truths, scores))
    assert curve.thresholds[0] is None
    for threshold, sensitivity in zip(curve.thresholds[1:], curve.sensitivity[1:], strict=True):
        assert (scores[truths == 1] >= threshold).mean() == pytest.approx(sensitivity)


def test_a_long_curve_is_thinned_along_its_length():
    rng = np.random.default_rng(0)
    truths = rng.integers(0, 2, 20_000)
    scores = rng.normal(2 * truths)
    curve = roc_curve(truths, scores)
    assert len(curve.sensitivity) <= 402
    assert (curve.false_positive_rate[0], curve.sensitivity[0]) == (0, 0)
    assert (curve.false_positive_rate[-1], curve.sensitivity[-1]) == (1, 1)
    steps = np.hypot(np.diff(curve.false_positive_rate), np.diff(curve.sensitivity))
    assert steps.max() < 0.01
    recall = precision_recall_curve(truths, scores)
    assert recall.recall[-1] == 1
    assert recall.precision[-1] == pytest.approx(recall.prevalence)


def test_thinning_keeps_both_ends_and_the_order():
    kept = thinned(np.linspace(0, 1, 1000), np.zeros(1000), points=7)
    assert kept[0] == 0
    assert kept[-1] == 999
    assert len(kept) == 7
    assert (np.diff(kept) > 0).all()
