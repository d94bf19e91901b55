"""From what a suspect is to a probability: bounded, calibrated on the slides left out, refused where it can't be."""

import numpy as np
import pytest
from pydantic import ValidationError

from sentinode.core.errors import EvaluationError
from sentinode.metrics.lesion_fit import LEAST_THRESHOLD, cross_validated, threshold_for
from sentinode.metrics.lesion_probability import FEATURES, LesionProbability, any_odds

COUNT = len(FEATURES)


def model(**changes: object) -> LesionProbability:
    one = {
        "features": FEATURES,
        "means": (0.0,) * COUNT,
        "scales": (1.0,) * COUNT,
        "coefficients": (1.0, *(0.0,) * (COUNT - 1)),
    }
    return LesionProbability.model_validate({**one, "intercept": 0.0, "threshold": 0.5, **changes})


def suspects(slides: int, seed: int) -> tuple[np.ndarray, np.ndarray, list[str], dict[str, bool]]:
    """Eight suspects a slide; on every second slide two of them are metastases, with higher features."""
    rng = np.random.default_rng(seed)
    truth = np.zeros((slides, 8), bool)
    truth[1::2, :2] = True
    features = rng.normal(0, 1, (slides, 8, COUNT)) + 1.2 * truth[..., None] * (np.arange(COUNT) < 4)
    names = [f"s{number:02d}" for number in range(slides)]
    owners = [name for name in names for _ in range(8)]
    return features.reshape(-1, COUNT), truth.ravel(), owners, {name: bool(n % 2) for n, name in enumerate(names)}


def test_probabilities_by_hand() -> None:
    features = np.zeros((3, COUNT))
    features[:, 0] = 0, 1, 50
    assert model().probabilities(features) == pytest.approx([0.5, 1 / (1 + np.exp(-1)), 1 / (1 + np.exp(-3))])


def test_a_slide_is_at_least_as_suspicious_as_its_worst_suspect() -> None:
    assert 1 / (1 + np.exp(-any_odds(np.array([0.5, 0.5])))) == pytest.approx(0.75)
    assert model().slide_probability(np.array([0.3, 0.0])) == pytest.approx(0.3)
    assert model().slide_probability(np.empty(0)) == pytest.approx(0.001)
    assert model(slide_slope=2.0, slide_intercept=1.0).slide_probability(np.array([0.5])) > 0.7


def test_other_features_are_refused() -> None:
    with pytest.raises(ValidationError, match="this version has"):
        model(features=("height",))
    with pytest.raises(ValidationError, match=f"other than {COUNT}"):
        model(means=(0.0,))


def test_left_out_slides_say_how_good_it_is() -> None:
    features, truth, owners, tumour = suspects(40, 0)
    found = cross_validated(features, truth, owners, tumour)
    assert found.probabilities[truth].mean() > 3 * found.probabilities[~truth].mean()
    assert found.probabilities.mean() == pytest.approx(truth.mean(), abs=0.03)  # calibrated in the large
    assert found.brier < 0.25
    false = found.probabilities[~truth & np.array([not tumour[owner] for owner in owners])]
    assert (false >= found.model.threshold).sum() <= 0.1 * 20
    fresh, truths, _, _ = suspects(40, 1)
    scores = found.model.probabilities(fresh)
    assert scores[truths].mean() > 3 * scores[~truths].mean()


def test_noise_is_no_rule() -> None:
    features, truth, owners, tumour = suspects(40, 2)
    shuffled = np.random.default_rng(3).permutation(features)
    found = cross_validated(shuffled, truth, owners, tumour)
    assert abs(found.probabilities[truth].mean() - found.probabilities[~truth].mean()) < 0.05


def test_the_threshold_leaves_so_many_false_lesions() -> None:
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.5])
    truth = np.array([True, False, False, False, True])
    nowhere = np.zeros(5, bool)
    assert threshold_for(scores, truth, nowhere, normal_slides=9) == pytest.approx(0.85)
    assert threshold_for(scores, truth, nowhere, normal_slides=10) == pytest.approx(0.75)
    assert threshold_for(scores, truth, ~nowhere, normal_slides=0) == LEAST_THRESHOLD


def test_suspects_of_one_kind_make_no_rule() -> None:
    features, truth, owners, tumour = suspects(4, 0)
    with pytest.raises(EvaluationError, match="needs both kinds"):
        cross_validated(features, np.zeros_like(truth), owners, tumour)


def test_kinds_that_lie_on_slides_of_their_own_make_no_rule() -> None:
    features = np.random.default_rng(0).normal(size=(8, COUNT))
    truths = np.arange(8) < 4
    owners = ["a"] * 4 + ["b"] * 4
    with pytest.raises(EvaluationError, match=r"without [ab] the suspects are of one kind"):
        cross_validated(features, truths, owners, {"a": True, "b": False})
