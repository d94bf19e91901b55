import json

import numpy as np
import pytest

from sentinode.core.errors import EvaluationError
from sentinode.metrics.comparison import compare
from sentinode.metrics.measures.roc import paired_delong
from sentinode.metrics.predictions import Predictions

RNG = np.random.default_rng(0)
TRUTHS = RNG.integers(0, 2, 600)
SHARED = RNG.normal((TRUTHS - 0.5) * 2, 1)


def model(noise, seed, order=None, groups=None, **changes):
    order = np.arange(600) if order is None else order
    scores = 1 / (1 + np.exp(-(SHARED + np.random.default_rng(seed).normal(0, noise, 600))))[order]
    fields = {
        "ids": [str(index) for index in order],
        "paths": [""] * 600,
        "labels": TRUTHS[order],
        "probabilities": np.stack([1 - scores, scores], axis=1),
        "class_names": ("normal", "tumour"),
        "positive": 1,
        "groups": None if groups is None else [f"slide {index % groups}" for index in order],
    }
    return Predictions(**(fields | changes))


def test_the_difference_is_delongs():
    a, b = model(1.5, 1), model(0.3, 2)
    (found,) = compare([("old", a, 0.5), ("new", b, 0.4)], resamples=300)
    tested = paired_delong(TRUTHS, a.scores, b.scores)
    assert (found.name_a, found.name_b, found.n, found.groups) == ("old", "new", 600, None)
    difference = found.differences["auc"]
    assert difference.value == tested.difference
    assert (difference.low, difference.high) == pytest.approx((tested.low, tested.high), abs=0.01)
    assert found.p_value == tested.p_value < 0.001
    for name, metric in found.differences.items():
        assert metric.value == pytest.approx(found.metrics_b[name].value - found.metrics_a[name].value)
        assert metric.low <= metric.value <= metric.high
    assert found.metrics_b["sensitivity"].value == (b.scores[TRUTHS == 1] >= 0.4).mean()
    json.dumps(found.to_json(), allow_nan=False)


def test_pairing_makes_the_interval_narrower_than_two_apart():
    (found,) = compare([("a", model(0.2, 1), 0.5), ("b", model(0.2, 2), 0.5)], resamples=500)
    paired = found.differences["accuracy"]
    apart = sum((m["accuracy"].high - m["accuracy"].low) ** 2 for m in (found.metrics_a, found.metrics_b)) ** 0.5
    assert paired.high - paired.low < 0.6 * apart


def test_a_model_does_not_differ_from_itself():
    (found,) = compare([("a", model(1, 1), 0.5), ("again", model(1, 1), 0.5)], resamples=20)
    assert found.p_value == 1
    # The same answers to 600 samples: other samples may tell two models apart.
    assert 0 < found.differences["auc"].high == -found.differences["auc"].low < 0.02
    assert found.differences["accuracy"].value == 0


def test_ids_tell_which_sample_is_which():
    order = np.random.default_rng(3).permutation(600)
    straight = compare([("a", model(1.5, 1), 0.5), ("b", model(0.3, 2), 0.5)], resamples=50)
    shuffled = compare([("a", model(1.5, 1), 0.5), ("b", model(0.3, 2, order), 0.5)], resamples=50)
    assert straight == shuffled


def test_groups_are_resampled_whole_for_both():
    models = [("a", model(1.5, 1, groups=12), 0.5), ("b", model(0.3, 2, groups=12), 0.5)]
    (found,) = compare(models, resamples=200)
    tested = paired_delong(TRUTHS, models[0][1].scores, models[1][1].scores)
    difference = found.differences["auc"]
    assert found.groups == 12
    assert difference.method.startswith("bootstrap over 12 groups, 200 resamples, percentile, no narrower than DeLong")
    assert difference.low <= tested.low
    assert difference.high >= tested.high


def test_every_later_model_is_held_against_the_first():
    found = compare([(name, model(1, seed), 0.5) for seed, name in enumerate("abc")], resamples=20)
    assert [(one.name_a, one.name_b) for one in found] == [("a", "b"), ("a", "c")]


def test_more_classes_are_compared_by_macro_auc_and_accuracy():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 150)

    def answers(strength):
        logits = rng.normal(size=(150, 3)) + strength * np.eye(3)[labels]
        probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
        return Predictions([str(i) for i in range(150)], [""] * 150, labels, probabilities, ("a", "b", "c"))

    (found,) = compare([("weak", answers(0.5), None), ("strong", answers(3), None)], resamples=100)
    assert list(found.differences) == ["auc", "accuracy"]
    assert found.differences["auc"].low > 0
    assert found.p_value is None


def test_one_class_alone_has_no_auc_to_compare():
    same = np.zeros(600, dtype=int)
    (found,) = compare([("a", model(1, 1, labels=same), 0.5), ("b", model(1, 2, labels=same), 0.5)], resamples=20)
    assert found.differences["auc"].method == "undefined: no positive sample"
    assert found.differences["sensitivity"].value is None
    assert found.differences["specificity"].value is not None
    assert found.p_value is None
    json.dumps(found.to_json(), allow_nan=False)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"ids": [f"x{index}" for index in range(600)]}, "600 are in the first alone; evaluate both on the same split"),
        ({"labels": 1 - TRUTHS}, "different labels for 0;"),
        ({"class_names": ("normal", "tumor")}, "compare models of one task"),
        ({"positive": 0}, "compare models of one task"),
        ({"groups": 5}, "different groups"),
    ],
)
def test_other_samples_are_refused(changes, message):
    with pytest.raises(EvaluationError, match=message):
        compare([("a", model(1, 1), 0.5), ("b", model(1, 2, **changes), 0.5)])


def test_one_model_is_no_comparison():
    with pytest.raises(EvaluationError, match=r"1 model.*two"):
        compare([("a", model(1, 1), 0.5)])
