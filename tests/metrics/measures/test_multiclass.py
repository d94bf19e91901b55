import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn import metrics as sk

from sentinode.metrics.measures.intervals import Resampling
from sentinode.metrics.measures.multiclass import accuracy_argmax, macro_auc, multiclass_measures
from sentinode.metrics.predictions import Predictions

NAMES = ("adipose", "debris", "mucus", "tumour")


def predictions(n=200, seed=0, k=4, groups=None):
    rng = np.random.default_rng(seed)
    labels = np.concatenate([np.arange(k), rng.integers(0, k, n - k)])
    logits = rng.normal(size=(n, k))
    logits[np.arange(n), labels] += 1.5
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    return Predictions(
        [str(i) for i in range(n)], [""] * n, labels, probabilities.astype(np.float32), NAMES[:k], groups=groups
    )


@given(arrays(np.float64, (30, 3), elements=st.integers(0, 4).map(lambda value: (value + 1) / 5)), st.randoms())
def test_macro_auc_and_accuracy_are_medmnists(scores, random):
    labels = np.array([0, 1, 2, *(random.randint(0, 2) for _ in range(27))])
    probabilities = scores / scores.sum(axis=1, keepdims=True)
    # MedMNIST's evaluator: for each class scikit-learn's AUC of its column, unweighted mean; accuracy by argmax.
    expected = np.mean([sk.roc_auc_score(labels == index, probabilities[:, index]) for index in range(3)])
    assert macro_auc(labels, probabilities) == pytest.approx(expected)
    assert accuracy_argmax(labels, probabilities) == sk.accuracy_score(labels, probabilities.argmax(axis=1))


def test_two_classes_have_the_ordinary_auc():
    rng = np.random.default_rng(0)
    labels, scores = rng.integers(0, 2, 50), rng.random(50)
    probabilities = np.stack([1 - scores, scores], axis=1)
    assert macro_auc(labels, probabilities) == pytest.approx(sk.roc_auc_score(labels, scores))


def test_a_class_without_samples_leaves_no_macro_auc():
    assert np.isnan(macro_auc([0, 1, 0], np.full((3, 3), 1 / 3)))


def test_summaries_agree_with_scikit_learn():
    answers = predictions()
    called = answers.decisions(None).classes
    measures = multiclass_measures(answers, Resampling(answers.labels, None, 50, 0))
    assert [list(row) for row in measures.matrix] == sk.confusion_matrix(answers.labels, called).tolist()
    expected = {
        "auc": macro_auc(answers.labels, answers.probabilities),
        "accuracy": sk.accuracy_score(answers.labels, called),
        "balanced_accuracy": sk.balanced_accuracy_score(answers.labels, called),
        "f1": sk.f1_score(answers.labels, called, average="macro"),
        "mcc": sk.matthews_corrcoef(answers.labels, called),
        "log_loss": -np.mean(np.log(answers.probabilities[np.arange(200), answers.labels])),
    }
    for name, value in expected.items():
        metric = measures.metrics[name]
        assert metric.value == pytest.approx(value), name
        assert metric.low < metric.value < metric.high


def test_each_class_is_measured_against_the_rest():
    answers = predictions()
    called = answers.decisions(None).classes
    classes = multiclass_measures(answers, Resampling(answers.labels, None, 50, 0)).classes
    assert [figures.name for figures in classes] == list(NAMES)
    for index, figures in enumerate(classes):
        truth = answers.labels == index
        assert figures.n == truth.sum()
        assert figures.metrics["sensitivity"].value == pytest.approx(sk.recall_score(truth, called == index))
        assert figures.metrics["specificity"].value == pytest.approx(sk.recall_score(~truth, called != index))
        assert figures.metrics["precision"].value == pytest.approx(sk.precision_score(truth, called == index))
        assert figures.metrics["f1"].value == pytest.approx(sk.f1_score(truth, called == index))
        assert figures.metrics["auc"].value == pytest.approx(sk.roc_auc_score(truth, answers.probabilities[:, index]))


def test_a_class_that_nobody_has_or_gets_is_undefined_not_zero():
    answers = Predictions(
        list("abc"),
        [""] * 3,
        np.array([0, 1, 0]),
        np.array([[0.8, 0.1, 0.1], [0.2, 0.7, 0.1], [0.3, 0.6, 0.1]]),
        NAMES[:3],
    )
    measures = multiclass_measures(answers, Resampling(answers.labels, None, 20, 0))
    assert measures.metrics["auc"].method == "undefined: no sample of mucus"
    assert measures.metrics["balanced_accuracy"].value is None
    assert measures.metrics["f1"].value is None
    assert measures.metrics["accuracy"].value == pytest.approx(2 / 3)
    assert measures.classes[2].metrics["precision"].method == "undefined: no positive prediction"
    assert measures.classes[2].roc is None


def test_groups_reach_the_accuracy():
    answers = predictions(groups=[str(index % 30) for index in range(200)])
    measures = multiclass_measures(answers, Resampling(answers.labels, answers.group_codes, 100, 0))
    assert measures.metrics["accuracy"].method.startswith("bootstrap over 30 groups")
