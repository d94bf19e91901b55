from typing import Any, get_args

import numpy as np
import pytest
import torch
from scipy.special import softmax

from sentinode.core.errors import RecipeError
from sentinode.models.networks.heads import ClassicalHead, build_head, can_be_halved
from sentinode.training.classical.classifier_config import ClassicalConfig, ClassicalModel
from sentinode.training.classical.grid_search import TunedModel, fit_tuned
from sentinode.training.classical.head_conversion import head_of

PARAMETERS: dict[str, dict[str, Any]] = {
    "forest": {"n_estimators": 12},
    "boosting": {"max_iter": 6, "min_samples_leaf": 3},
    "rbf-svm": {"C": 10.0},
}
# An embedding decides trees exactly. A support vector's or a neighbour's distance is a sum of squares in float32.
TOLERANCE = {"rbf-svm": 1e-4, "neighbours": 1e-4}


def _embeddings(n: int, seed: int) -> np.ndarray:
    """Like a network's: never negative, of very different sizes, some far from zero, one channel that never fires."""
    rng = np.random.default_rng(seed)
    scales = np.random.default_rng(1).lognormal(0, 2, 24)
    values = np.maximum(rng.normal(size=(n, 24)) * scales + 3 * scales * (np.arange(24) % 3 == 0), 0)
    values[:, 5] = 0
    return values.astype(np.float32)


def _tuned(model: ClassicalModel, classes: int, select: int, **more: Any) -> TunedModel:
    X = _embeddings(90, 0)
    y = np.arange(90) % classes
    X[:, :4] *= 1 + 0.3 * y[:, None]
    parameters = {**PARAMETERS.get(model, {}), **more}
    return fit_tuned(
        ClassicalConfig(model=model, grid={}, select=select, parameters=parameters), X, y, folds=[], seed=0
    )


def _head(tuned: TunedModel) -> ClassicalHead:
    return head_of(tuned.pipeline, "a test")


@pytest.mark.parametrize("select", [0, 7])
@pytest.mark.parametrize("classes", [2, 3, 5])
@pytest.mark.parametrize("model", get_args(ClassicalModel))
def test_a_head_answers_as_its_original(model: ClassicalModel, classes: int, select: int) -> None:
    tuned, probe = _tuned(model, classes, select), _embeddings(200, 7)
    head = _head(tuned)
    assert head.spec.classes == classes
    # Through the stored form and back: what a head is built from is all that it needs.
    head = build_head(head.spec, head.state_dict())
    with torch.inference_mode():
        found = softmax(head.judge(torch.from_numpy(probe)).numpy().astype(np.float64), axis=1)
    expected = softmax(tuned.logits(probe), axis=1)
    np.testing.assert_allclose(found, expected, atol=TOLERANCE.get(model, 1e-5))
    assert found.std(axis=0).min() > 1e-3  # they do differ from image to image
    # Only the RBF SVM's own decision is another: it counts which class wins most pairs, not by how much.
    agreement = (found.argmax(axis=1) == tuned.pipeline.predict(probe.astype(np.float64))).mean()
    assert agreement > (0.7 if model == "rbf-svm" and classes > 2 else 0.99)


@pytest.mark.parametrize("temperature", [0.3, 8.0])
def test_rare_votes_keep_their_digits_at_any_temperature(temperature: float) -> None:
    tuned, probe = _tuned("forest", 2, 0, min_samples_leaf=4), _embeddings(200, 7)
    with torch.inference_mode():
        logits = _head(tuned).judge(torch.from_numpy(probe)).numpy().astype(np.float64)
    found, expected = softmax(logits / temperature, axis=1), softmax(tuned.logits(probe) / temperature, axis=1)
    np.testing.assert_allclose(found, expected, atol=1e-5)


@pytest.mark.parametrize(
    ("model", "parameters", "message"),
    [
        ("rbf-svm", {"kernel": "poly"}, "not kernel = 'poly'"),
        ("neighbours", {"weights": "distance"}, "not weights = 'distance'"),
        ("neighbours", {"metric": "manhattan"}, "metric = 'manhattan'"),
    ],
)
def test_what_no_head_can_follow_is_refused(model: ClassicalModel, parameters: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        _head(_tuned(model, 2, 0, **parameters))


def test_nothing_of_a_head_is_halved() -> None:
    model = torch.nn.Sequential(torch.nn.Linear(4, 4), _head(_tuned("rbf-svm", 2, 0)))
    assert can_be_halved(model) == {"0.weight"}
    assert can_be_halved(model[1]) == set()
