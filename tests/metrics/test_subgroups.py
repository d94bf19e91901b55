import numpy as np
import pytest

from sentinode.metrics.measures.auc_interval import auc_metric
from sentinode.metrics.predictions import Predictions
from sentinode.metrics.subgroups import subgroups


def test_each_group_has_the_figures_of_its_own_samples():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 90), rng.random(90)
    groups = [f"slide {index % 3}" for index in range(90)]
    answers = Predictions(
        [str(i) for i in range(90)],
        [""] * 90,
        labels,
        np.stack([scores, 1 - scores], axis=1),
        ("tumour", "normal"),
        0,
        groups,
    )
    found = subgroups(answers, 0.4)
    assert [group.name for group in found] == ["slide 0", "slide 1", "slide 2"]
    for index, group in enumerate(found):
        rows = slice(index, None, 3)
        positive, called = labels[rows] == 0, scores[rows] >= 0.4
        assert group.n == 30
        assert group.counts == {"tumour": positive.sum(), "normal": (~positive).sum()}
        assert group.metrics["sensitivity"].value == pytest.approx(called[positive].mean())
        assert group.metrics["specificity"].value == pytest.approx((~called[~positive]).mean())
        assert group.metrics["accuracy"].value == pytest.approx((called == positive).mean())
        assert group.metrics["auc"] == auc_metric(positive, scores[rows])


def test_a_group_of_one_class_says_what_is_missing():
    answers = Predictions(
        list("abc"),
        [""] * 3,
        np.array([0, 0, 1]),
        np.array([[0.9, 0.1], [0.3, 0.7], [0.2, 0.8]]),
        ("n", "t"),
        1,
        list("xxy"),
    )
    first, second = subgroups(answers, 0.5)
    assert first.metrics["sensitivity"].method == "undefined: no positive sample"
    assert first.metrics["specificity"].value == 0.5
    assert second.metrics["auc"].method == "undefined: no negative sample"


def test_more_classes_have_an_accuracy():
    answers = Predictions(list("ab"), [""] * 2, np.array([0, 2]), np.eye(3)[[0, 1]], tuple("xyz"), groups=["g", "g"])
    (group,) = subgroups(answers, None)
    assert list(group.metrics) == ["accuracy"]
    assert group.metrics["accuracy"].value == 0.5
    assert group.counts == {"x": 1, "y": 0, "z": 1}


def test_without_groups_there_are_none():
    answers = Predictions(["a"], [""], np.array([0]), np.array([[0.9, 0.1]]), ("n", "t"), 1)
    assert subgroups(answers, 0.5) == ()
