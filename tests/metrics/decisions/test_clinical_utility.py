from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinode.core.metric import Metric
from sentinode.metrics.decisions.clinical_utility import decision_curve, predictive_values, prevalence_table

shares = st.floats(0.01, 0.99)


def test_the_predictive_values_that_a_published_report_should_have_printed():
    ppv, _ = predictive_values(0.952, 0.937, [0.5, 0.1, 0.01])
    assert ppv.round(3).tolist() == [0.938, 0.627, 0.132]


@given(shares, shares, shares)
def test_predictive_values_are_bayes_rule(sensitivity, specificity, prevalence):
    ppv, npv = predictive_values(sensitivity, specificity, prevalence)
    likelihood_ratio = sensitivity / (1 - specificity)
    odds = prevalence / (1 - prevalence) * likelihood_ratio
    assert ppv == pytest.approx(odds / (1 + odds))
    assert npv == pytest.approx(predictive_values(specificity, sensitivity, 1 - prevalence)[0])


def test_the_table_holds_the_estimate_between_its_ends():
    table = prevalence_table(Metric(0.95, 0.93, 0.97, "m"), Metric(0.9, 0.88, 0.92, "m"))
    assert [point.prevalence for point in table] == sorted(point.prevalence for point in table)
    for before, after in pairwise(table):
        assert before.ppv < after.ppv
        assert before.npv > after.npv
    for point in table:
        assert point.ppv_low < point.ppv < point.ppv_high
        assert point.npv_low < point.npv < point.npv_high
    assert table[0].ppv == pytest.approx(0.00095 / (0.00095 + 0.0999))


def test_an_answer_that_is_never_given_has_no_value():
    table = prevalence_table(Metric(0.0, 0.0, 0.1, "m"), Metric(1.0, 0.9, 1.0, "m"))
    assert table[0].ppv is None
    assert table[0].ppv_low == 0
    assert table[0].npv == pytest.approx(0.999)


def test_an_unknown_rate_leaves_no_table():
    assert prevalence_table(Metric.undefined("no positive sample"), Metric(0.9, 0.8, 0.95, "m")) == ()


def test_net_benefit_by_its_definition():
    rng = np.random.default_rng(0)
    truths = rng.random(300) < 0.3
    scores = np.clip(rng.normal(0.2 + 0.4 * truths, 0.2), 0, 1).round(2)
    curve = decision_curve(truths.astype(int), scores)
    for at, model, treat_all in zip(curve.threshold, curve.model, curve.treat_all, strict=True):
        called = scores >= at
        odds = at / (1 - at)
        assert model == pytest.approx((called & truths).mean() - (called & ~truths).mean() * odds)
        assert treat_all == pytest.approx(truths.mean() - (~truths).mean() * odds)
    assert curve.threshold[0] == 0.01
    assert curve.threshold[-1] == 0.99


def test_the_case_by_hand():
    # Two true and one false positive of ten at 20 %: 2/10 - 1/10 · 0.25.
    curve = decision_curve([1, 1, 0, *[0] * 7], [0.9, 0.2, 0.3, *[0.1] * 7])
    assert curve.model[19] == pytest.approx(0.175)
    assert curve.treat_all[19] == pytest.approx(0.0, abs=1e-12)


def test_one_class_has_no_decision_to_make():
    assert decision_curve([1, 1], [0.2, 0.9]) is None
    assert decision_curve([0, 0], [0.2, 0.9]) is None
