import numpy as np
import pytest

from sentinode.metrics.decisions.net_benefit import decision_curve


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
