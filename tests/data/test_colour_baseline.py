"""The colour baseline agrees with scikit-learn, and its interval with what it resamples."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sentinode.data.colour_baseline import ColourBaseline, colour_baseline


def _data(classes: int, n: int = 600, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, n)
    features = rng.normal(0, 1, (n, 6)) + 0.5 * labels[:, None] * np.array([1, 0, -1, 0, 0.5, 0])
    return np.round(features, 1).astype(np.float32), labels  # rounded, so that scores have ties


@pytest.mark.parametrize("classes", [2, 4])
def test_auc_is_scikit_learns(classes: int) -> None:
    features, labels = _data(classes)
    train, validation = np.arange(400), np.arange(400, 600)
    found = colour_baseline(features, labels, train, validation, None)
    assert isinstance(found, ColourBaseline)
    model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=2000)).fit(features[train], labels[train])
    probabilities = model.predict_proba(features[validation])
    scores = probabilities[:, 1] if classes == 2 else probabilities
    expected = roc_auc_score(labels[validation], scores, multi_class="ovr", average="macro")
    assert found.auc == pytest.approx(expected, abs=1e-12)
    assert found.low < found.auc < found.high
    assert (found.n_train, found.n) == (400, 200)
    assert "200 images" in found.method


def test_interval_is_wider_when_groups_are_resampled_that_differ() -> None:
    features, labels = _data(2)
    groups = np.arange(600) % 8
    features[groups < 2] *= -1  # in two groups of eight colour tells the opposite
    train, validation = np.arange(300), np.arange(300, 600)
    by_image = colour_baseline(features, labels, train, validation, None)
    by_group = colour_baseline(features, labels, train, validation, groups)
    assert isinstance(by_image, ColourBaseline)
    assert isinstance(by_group, ColourBaseline)
    assert by_group.auc == by_image.auc
    assert by_group.high - by_group.low > 1.5 * (by_image.high - by_image.low)
    assert "8 groups" in by_group.method
    assert "rough" in by_group.method


@pytest.mark.parametrize(
    ("labels", "train", "validation", "reason"),
    [
        ([0, 1, 0, 1], [0, 1], [], "empty"),
        ([0, 0, 0, 1], [0, 1], [2, 3], "fewer than two classes"),
        ([0, 1, 0, 2], [0, 1], [2, 3], "does not have the classes"),
        ([0, 1, 0, 0], [0, 1], [2, 3], "does not have the classes"),
    ],
)
def test_says_why_there_is_none(labels: list[int], train: list[int], validation: list[int], reason: str) -> None:
    features = np.arange(24, dtype=np.float32).reshape(4, 6)
    places = (np.array(part, dtype=np.intp) for part in (labels, train, validation))
    found = colour_baseline(features, *places, None)
    assert isinstance(found, str)
    assert reason in found
