import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import log_softmax, softmax
from sklearn.metrics import brier_score_loss, log_loss

from sentinode.core.errors import EvaluationError
from sentinode.metrics.measures.calibration import (
    brier_scores,
    equal_mass_bins,
    fit_temperature,
    log_losses,
    reliability,
)


def logits(n=4000, k=3, seed=0):
    """Logits that are calibrated at temperature 1, with labels drawn from them."""
    rng = np.random.default_rng(seed)
    z = rng.normal(scale=2, size=(n, k))
    return z, np.array([rng.choice(k, p=row) for row in softmax(z, axis=1)])


@pytest.mark.parametrize("temperature", [0.4, 1.0, 3.0])
def test_the_temperature_that_spoiled_the_logits_is_found(temperature):
    z, labels = logits()
    assert fit_temperature(z * temperature, labels) == pytest.approx(temperature, rel=0.06)


def test_the_temperature_has_the_least_log_loss():
    z, labels = logits(n=300, seed=1)

    def loss(temperature):
        return -log_softmax(z / temperature, axis=1)[np.arange(300), labels].mean()

    found = fit_temperature(z.astype(np.float32), labels)
    assert loss(found) <= min(loss(found * 0.99), loss(found * 1.01))


def test_separated_samples_cannot_tell_a_temperature():
    assert fit_temperature([[3, 0], [0, 2], [1, 0]], [0, 1, 0]) == 1.0


def test_a_worthless_model_stops_at_the_largest_temperature():
    assert fit_temperature([[5.0, 0], [5, 0]], [1, 1]) == pytest.approx(20, rel=1e-3)


@pytest.mark.parametrize("bad", [[[np.nan, 0.0]], [[np.inf, 0.0]], []])
def test_logits_that_are_no_numbers_are_refused(bad):
    with pytest.raises(EvaluationError, match="finite logits"):
        fit_temperature(np.array(bad).reshape(-1, 2), [0] * len(bad))


def test_losses_agree_with_scikit_learn():
    rng = np.random.default_rng(0)
    scores = np.concatenate([rng.random(200), [0.0, 1.0]])
    labels = np.concatenate([rng.integers(0, 2, 200), [1, 1]])
    probabilities = np.stack([1 - scores, scores], axis=1)
    assert brier_scores(probabilities, labels).mean() == pytest.approx(brier_score_loss(labels, scores))
    assert log_losses(probabilities, labels).mean() == pytest.approx(log_loss(labels, probabilities))


def test_brier_of_more_classes_sums_over_them():
    assert brier_scores([[0.2, 0.5, 0.3]], [1]) == pytest.approx([0.04 + 0.25 + 0.09])


@given(st.lists(st.integers(0, 30), min_size=1, max_size=200))
def test_bins_have_equal_mass_and_part_no_ties(values):
    p = np.array(values) / 30
    bins = equal_mass_bins(p)
    assert bins.min() >= 0
    assert bins.max() <= 9
    order = np.argsort(p, kind="stable")
    assert (np.diff(bins[order]) >= 0).all()
    for value in np.unique(p):
        assert len(np.unique(bins[p == value])) == 1


def test_without_ties_every_bin_has_the_same_mass():
    assert np.bincount(equal_mass_bins(np.random.default_rng(0).random(1000))).tolist() == [100] * 10


def test_a_bin_by_hand():
    points = reliability([0.2, 0.2, 0.2, 0.2, 0.8], [0, 1, 0, 0, 1])
    assert [(point.n, round(point.predicted, 9), point.observed) for point in points] == [(4, 0.2, 0.25), (1, 0.8, 1.0)]
