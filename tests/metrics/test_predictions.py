import numpy as np
import pytest

from sentinode.core.errors import EvaluationError
from sentinode.metrics.predictions import Predictions


def made(**changes):
    fields = {
        "ids": ["a", "b", "c"],
        "paths": ["", "", ""],
        "labels": np.array([0, 1, 1]),
        "probabilities": np.array([[0.9, 0.1], [0.4, 0.6], [0.7, 0.3]], dtype=np.float32),
        "class_names": ("normal", "tumour"),
        "positive": 1,
        "groups": ["s2", "s1", "s2"],
    }
    return Predictions(**(fields | changes))


def test_scores_and_decisions_follow_the_positive_class():
    answers = made()
    assert answers.scores == pytest.approx([0.1, 0.6, 0.3])
    assert answers.truths.tolist() == [0, 1, 1]
    assert answers.decisions(0.3).classes.tolist() == [0, 1, 1]
    # Called tumour at 0.3, though normal is likelier: the confidence is the tumour's.
    assert answers.decisions(0.29).confidences == pytest.approx([0.9, 0.6, 0.3])
    assert answers.group_codes.tolist() == [1, 0, 1]
    turned = made(positive=0)
    assert turned.scores == pytest.approx([0.9, 0.4, 0.7])
    assert turned.truths.tolist() == [1, 0, 0]
    assert turned.decisions(0.5).classes.tolist() == [0, 1, 0]


def test_a_score_equal_to_the_threshold_is_positive_in_float32_too():
    value = float(np.float32(0.3))
    assert made().decisions(value).classes.tolist() == [0, 1, 1]


def test_arrays_are_copies_that_nobody_changes():
    labels = np.array([0, 1, 1])
    answers = made(labels=labels)
    labels[0] = 1
    assert answers.labels[0] == 0
    with pytest.raises(ValueError, match="read-only"):
        answers.probabilities[0, 0] = 0


def test_more_classes_decide_by_the_likeliest():
    answers = made(
        probabilities=np.array([[0.2, 0.5, 0.3], [0.4, 0.4, 0.2], [0.1, 0.2, 0.7]]),
        class_names=("a", "b", "c"),
        positive=None,
        groups=None,
    )
    assert answers.decisions(None).classes.tolist() == [1, 0, 2]
    assert answers.decisions(None).confidences == pytest.approx([0.5, 0.4, 0.7])
    assert answers.group_codes is None
    with pytest.raises(EvaluationError, match="3 classes have no positive one"):
        _ = answers.scores
    with pytest.raises(EvaluationError, match=r"3 classes with threshold 0\.5"):
        answers.decisions(0.5)


def test_two_classes_need_a_threshold():
    with pytest.raises(EvaluationError, match="2 classes with threshold None"):
        made().decisions(None)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        (
            {"ids": [], "paths": [], "labels": np.array([]), "probabilities": np.zeros((0, 2)), "groups": []},
            "no predictions",
        ),
        ({"paths": [""]}, "3 ids but {'paths': 1}"),
        ({"groups": ["s"]}, "3 ids but {'groups': 1}"),
        ({"labels": np.array([0, 1, 2])}, "labels run from 0 to 2; give 0 to 1"),
        ({"labels": np.array([0.0, 1.0, 1.0])}, "labels are float64"),
        ({"ids": ["a", "b", "a"]}, r"ids repeat, such as \['a'\]"),
        ({"positive": None}, "positive is None for 2 classes"),
        ({"positive": 2}, "positive is 2 for 2 classes"),
        ({"class_names": ("normal", "normal")}, "give at least two different ones"),
        ({"probabilities": np.full((3, 3), 1 / 3)}, r"probabilities are \(3, 3\); give \(3, 2\)"),
        (
            {"probabilities": np.array([[0.9, 0.1], [np.nan, 0.6], [0.7, 0.3]])},
            "1 sample has no probabilities .* first b",
        ),
        ({"probabilities": np.array([[0.9, 0.3], [0.4, 0.6], [0.7, 0.3]])}, "with sum 1, first a"),
        ({"probabilities": np.array([[0.9, 0.1], [1.4, -0.4], [0.7, 0.3]])}, "first b"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_value(changes, message):
    with pytest.raises(EvaluationError, match=message):
        made(**changes)
