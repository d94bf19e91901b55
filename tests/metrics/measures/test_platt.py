import numpy as np
import pytest
from scipy.special import expit
from sklearn.linear_model import LogisticRegression

from sentinode.core.errors import EvaluationError
from sentinode.metrics.measures.platt import PlattScaling, fit_platt


def test_a_known_line_is_found() -> None:
    generator = np.random.default_rng(0)
    logits = generator.normal(0, 4, size=20_000)
    labels = (generator.random(20_000) < expit(0.5 * logits - 1)).astype(int)
    scale, shift = fit_platt(logits[:, None], labels)
    assert scale == pytest.approx(0.5, rel=0.05)
    assert shift == pytest.approx([-1], abs=0.05)


def test_two_classes_are_a_logistic_regression_of_softened_labels() -> None:
    generator = np.random.default_rng(1)
    logits, labels = generator.normal(size=(60, 1)), np.arange(60) % 3 == 0
    logits += labels[:, None]
    up, down = 21 / 22, 1 / 42  # Platt's, of 20 positive and 40 negative samples
    doubled = np.concatenate([logits, logits])
    weights = np.concatenate([np.where(labels, up, down), np.where(labels, 1 - up, 1 - down)])
    sides = np.concatenate([np.ones(60), np.zeros(60)])
    expected = LogisticRegression(C=np.inf, tol=1e-10).fit(doubled, sides, sample_weight=weights)
    scale, shift = fit_platt(logits, labels.astype(int))
    assert scale == pytest.approx(expected.coef_[0, 0], rel=1e-3)
    assert shift[0] == pytest.approx(expected.intercept_[0], abs=1e-3)


def test_classes_that_are_parted_cleanly_are_not_certain() -> None:
    logits, labels = np.linspace(-9, 9, 20)[:, None], (np.arange(20) >= 10).astype(int)
    probabilities = fit_platt(logits, labels).probabilities(logits)
    assert probabilities[-1, 1] < 0.99
    assert probabilities[:10, 1].max() < 0.5 < probabilities[10:, 1].min()


def test_logits_that_run_the_wrong_way_say_nothing() -> None:
    logits = np.linspace(-2, 2, 40)[:, None]
    probabilities = fit_platt(logits, (np.arange(40) < 20).astype(int)).probabilities(logits)
    np.testing.assert_allclose(probabilities, 0.5, atol=0.05)


def test_ordered_classes_get_one_slope_and_thresholds_in_order() -> None:
    generator = np.random.default_rng(2)
    scores = generator.normal(0, 3, size=30_000)
    edges = np.array([-1.0, 0.5, 2.0])
    uniform = generator.random(30_000)
    labels = (uniform[:, None] < expit(0.7 * scores[:, None] - edges)).sum(axis=1)
    logits = scores[:, None] - np.array([0.0, 1.0, 4.0])
    scaling = fit_platt(logits, labels)
    assert scaling.scale == pytest.approx(0.7, rel=0.05)
    np.testing.assert_allclose(scaling.above(logits), expit(0.7 * scores[:, None] - edges), atol=0.02)
    probabilities = scaling.probabilities(logits)
    assert (probabilities >= 0).all()
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)


def test_probabilities_of_classes() -> None:
    scaling = PlattScaling(2.0, (1.0, -1.0))
    np.testing.assert_allclose(scaling.probabilities([[0.0, -0.5]]), [[1 - expit(1), expit(1) - expit(-2), expit(-2)]])


@pytest.mark.parametrize(
    ("logits", "labels", "said"),
    [
        (np.zeros((3, 1)), [0, 1], r"got \(3, 1\) and \(2,\)"),
        (np.zeros(3), [0, 1, 1], r"got \(3,\)"),
        (np.array([[np.nan], [0.0]]), [0, 1], "finite logits"),
        (np.zeros((2, 1)), [1, 1], "2 of 2 samples above class 0"),
        (np.zeros((3, 2)), [0, 1, 1], "0 of 3 samples above class 1"),
    ],
)
def test_what_can_not_be_calibrated_is_refused(logits: np.ndarray, labels: list[int], said: str) -> None:
    with pytest.raises(EvaluationError, match=said):
        fit_platt(logits, labels)
