import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinode.core.decision import LowConfidenceBand
from sentinode.core.errors import EvaluationError
from sentinode.metrics.decisions.low_confidence import flagged_result, low_confidence_band, risk_coverage
from sentinode.metrics.predictions import Predictions


def binary(scores, labels):
    scores = np.asarray(scores, dtype=float)
    n = len(scores)
    return Predictions(
        [str(i) for i in range(n)],
        [""] * n,
        np.asarray(labels).astype(int),
        np.stack([1 - scores, scores], axis=1),
        ("n", "t"),
        1,
    )


def flags_of(predictions, threshold, band):
    return predictions.decisions(threshold, band).low_confidence


answers = st.lists(st.tuples(st.integers(0, 25), st.integers(0, 1)), min_size=10, max_size=60)


@given(answers, st.sampled_from([0.1, 0.3, 0.5, 0.8]))
def test_what_is_flagged_costs_more_than_what_is_not(rows, threshold):
    scores, labels = np.array([score for score, _ in rows]) / 25, np.array([label for _, label in rows])
    predictions = binary(scores, labels)
    costs = np.round(np.where(scores >= threshold, 1 - scores, scores * (1 - threshold) / threshold), 12)
    most = len(rows) // 5
    if (costs == costs.max()).sum() > most:
        with pytest.raises(EvaluationError, match="too many scores are equal"):
            low_confidence_band(predictions, threshold, flagged=0.2)
        return
    flags = flags_of(predictions, threshold, low_confidence_band(predictions, threshold, flagged=0.2))
    assert 0 < flags.sum() <= most
    assert costs[flags].min() > costs[~flags].max() - 1e-9
    assert flags.sum() + (costs == costs[~flags].max()).sum() > most  # no more would have fitted


def test_the_band_straddles_the_threshold_by_cost():
    rng = np.random.default_rng(0)
    scores = rng.random(20000)
    predictions = binary(scores, rng.random(20000) < scores)
    band = low_confidence_band(predictions, 0.2)
    # At 0.2 a miss weighs four false alarms: below, the expected cost falls four times as fast as above.
    assert band.low == pytest.approx(0.18, abs=0.015)
    assert band.high == pytest.approx(0.28, abs=0.015)
    assert low_confidence_band(predictions, 0.5).low < 0.5 < low_confidence_band(predictions, 0.5).high


def test_a_band_that_has_room_on_one_side_only():
    scores = np.repeat([0.1, 0.3, 0.9], [18, 1, 1])
    band = low_confidence_band(binary(scores, [0] * 19 + [1]), 0.2, flagged=0.1)
    assert band.low < 0.3 < band.high  # the eighteen equal scores below the threshold are too many


def test_without_errors_the_band_surrounds_the_threshold():
    scores = np.arange(100) / 100
    band = low_confidence_band(binary(scores, scores >= 0.495), 0.495)
    assert band.low == pytest.approx(0.445, abs=0.005)
    assert band.high == pytest.approx(0.545, abs=0.005)
    assert (band.quantity, band.split) == ("score", "validation")


def test_more_classes_flag_a_stretch_of_the_likeliest_probability():
    rng = np.random.default_rng(0)
    probabilities = rng.dirichlet([0.4] * 3, 1000)
    labels = np.array([rng.choice(3, p=row) for row in probabilities])
    predictions = Predictions([str(i) for i in range(1000)], [""] * 1000, labels, probabilities, tuple("abc"))
    band = low_confidence_band(predictions, None)
    flags = predictions.decisions(None, band).low_confidence
    assert band.quantity == "confidence"
    assert 0.09 <= flags.mean() <= 0.1
    wrong = predictions.decisions(None).classes != labels
    assert wrong[flags].mean() > 2 * wrong[~flags].mean()


@pytest.mark.parametrize("share", [0, 1, -0.1])
def test_a_share_out_of_range_is_refused(share):
    with pytest.raises(EvaluationError, match="give one between 0 and 1"):
        low_confidence_band(binary([0.1, 0.9], [0, 1]), 0.5, flagged=share)


def test_what_the_flag_gives_by_hand():
    predictions = binary([0.1, 0.4, 0.45, 0.55, 0.6, 0.9], [0, 1, 0, 0, 1, 0])
    result = flagged_result(predictions, 0.5, LowConfidenceBand(0.39, 0.56, "score"))
    assert (result.flagged.value, result.flagged.n) == (3 / 6, 6)
    assert (result.errors_caught.value, result.errors_caught.n) == (2 / 3, 3)
    assert (result.error_rate_flagged.value, result.error_rate_kept.value) == (2 / 3, 1 / 3)
    assert (result.misses_caught.value, result.misses_caught.n) == (1, 1)
    assert (result.false_alarms_caught.value, result.false_alarms_caught.n) == (1 / 2, 2)
    nothing = flagged_result(predictions, 0.5, LowConfidenceBand(0.2, 0.3, "score"))
    assert nothing.error_rate_flagged.method == "undefined: nothing flagged"


def test_risk_coverage_by_hand():
    curve = risk_coverage(binary([0.05, 0.2, 0.7, 0.9], [0, 0, 0, 1]), 0.5)
    # Most confident first: 0.95 right, 0.9 right, 0.8 right, 0.7 wrong.
    assert curve.coverage == (0.25, 0.5, 0.75, 1.0)
    assert curve.risk == (0, 0, 0, 0.25)
    assert curve.area == pytest.approx(0.0625)


@given(answers, st.randoms(use_true_random=False))
def test_risk_coverage_does_not_depend_on_the_order_of_the_samples(rows, random):
    scores, labels = np.array([score for score, _ in rows]) / 25, np.array([label for _, label in rows])
    order = random.sample(range(len(rows)), len(rows))
    first, second = risk_coverage(binary(scores, labels), 0.5), risk_coverage(binary(scores[order], labels[order]), 0.5)
    assert first.risk == pytest.approx(second.risk)
    assert first.coverage[-1] == 1
    assert first.risk[-1] == pytest.approx(((scores >= 0.5) != labels).mean())
