"""Heatmap features by hand; the model across patients."""

import numpy as np
import pytest

from sentinode.core.errors import EvaluationError
from sentinode.metrics.slide_score.slide_score_fit import cross_validated_slide_score, fit_slide_score
from sentinode.metrics.slide_score.slide_score_model import FEATURES, heatmap_features


def heatmap(rng, tumour):
    values = rng.uniform(0, 0.6, (23, 31)).astype(np.float32)
    if tumour:
        row, column, size = rng.integers(2, 15), rng.integers(2, 20), rng.integers(2, 8)
        values[row : row + size, column : column + size] = rng.uniform(0.6, 1.0, (size, size))
    values[:4] = np.nan
    return values


def cohort(n=60, seed=4, truths=None):
    rng = np.random.default_rng(seed)
    truths = np.arange(n) % 3 == 0 if truths is None else truths
    features = np.stack([heatmap_features(heatmap(rng, one), mpp_x=93.3, mpp_y=93.3) for one in truths])
    return features, truths.astype(int)


def test_features_by_hand():
    values = np.full((9, 14), np.nan, np.float32)
    values[1:8, 1:13] = 0.1
    values[2, 2:6] = (0.6, 0.8, 0.95, 0.8)  # four cells in a row: the largest focus
    values[6, 10] = 0.92
    found = dict(zip(FEATURES, heatmap_features(values, mpp_x=100, mpp_y=50), strict=True))
    assert found["highest"] == pytest.approx(0.95)
    assert found["highest_mean_of_3x3"] == pytest.approx((0.8 + 0.95 + 0.8 + 6 * 0.1) / 9)
    assert found["log_area_over_0.5"] == pytest.approx(np.log1p(5 * 0.5))
    assert found["log_area_over_0.7"] == pytest.approx(np.log1p(4 * 0.5))
    assert found["log_area_over_0.9"] == pytest.approx(np.log1p(2 * 0.5))
    assert found["log_area_of_largest"] == pytest.approx(np.log1p(4 * 0.5))
    assert found["log_axis_of_largest"] == pytest.approx(np.log1p(4 * np.sqrt((4**2 - 1) / 12)))
    assert found["mean_of_largest"] == pytest.approx((0.6 + 0.8 + 0.95 + 0.8) / 4)


def test_a_slide_on_which_nothing_was_scanned():
    assert heatmap_features(np.full((3, 5), np.nan), mpp_x=9, mpp_y=9).tolist() == [0.0] * len(FEATURES)


def test_held_out_scores_find_tumour_and_are_probabilities():
    features, truths = cohort()
    result = cross_validated_slide_score(features, truths, [str(number // 4) for number in range(60)])
    assert result.folds == 5
    assert result.auc.value > 0.95
    assert "groups" in result.auc.method
    assert result.brier < 0.1 < result.brier_of_prevalence
    assert result.held_out.mean() == pytest.approx(truths.mean(), abs=0.05)


def test_a_score_fitted_on_noise_is_worth_nothing():
    features, _ = cohort(truths=np.zeros(60, dtype=bool))
    truths = np.random.default_rng(0).permutation(np.arange(60) % 2)
    result = cross_validated_slide_score(features, truths, [str(number) for number in range(60)])
    assert result.auc.low < 0.5
    assert result.auc.value < 0.7


def test_no_slide_of_a_patient_is_on_both_sides():
    # The class is the patient's secret: a feature that names the patient helps only if the patient was seen.
    groups = np.repeat(np.arange(12), 5)
    truths = np.repeat(np.random.default_rng(2).permutation(np.arange(12) % 2), 5)
    features = np.zeros((60, len(FEATURES)))
    features[np.arange(60), groups % len(FEATURES)] = 1 + groups // len(FEATURES)
    result = cross_validated_slide_score(features, truths, [f"p{group}" for group in groups])
    seen = fit_slide_score(features, truths).probabilities(features)
    assert np.mean((seen > 0.5) == truths) > np.mean((result.held_out > 0.5) == truths) + 0.15


def test_what_can_not_be_fitted_is_refused():
    features, truths = cohort(12)
    with pytest.raises(EvaluationError, match="one of them is missing"):
        fit_slide_score(features, np.zeros(12))
    with pytest.raises(EvaluationError, match=r"got \(12, 8\) and \(11,\)"):
        fit_slide_score(features, truths[:11])
    with pytest.raises(EvaluationError, match="in 1 patient only"):
        cross_validated_slide_score(features, truths, ["a" if truth else f"b{i}" for i, truth in enumerate(truths)])
    with pytest.raises(EvaluationError, match="1 group for 12"):
        cross_validated_slide_score(features, truths, ["a"])
