import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinode.core.decision import LowConfidenceBand, OperatingPoint
from sentinode.core.errors import EvaluationError
from sentinode.core.files import write_json
from sentinode.metrics.assessment import assess
from sentinode.metrics.decisions.low_confidence import low_confidence_band
from sentinode.metrics.decisions.thresholds import choose_threshold
from sentinode.metrics.predictions import Predictions

HALF = OperatingPoint(0.5, "fixed", "none")


def binary(n=400, seed=0, groups=None, turned=False):
    rng = np.random.default_rng(seed)
    truths = rng.integers(0, 2, n)
    scores = (1 / (1 + np.exp(-rng.normal((truths - 0.5) * 3, 1)))).astype(np.float32)
    columns, names = [1 - scores, scores], ("normal", "tumour")
    if turned:
        columns, names, labels, positive = columns[::-1], names[::-1], 1 - truths, 0
    else:
        labels, positive = truths, 1
    named = None if groups is None else [f"slide {index % groups}" for index in range(n)]
    return Predictions([str(i) for i in range(n)], [""] * n, labels, np.stack(columns, axis=1), names, positive, named)


def measured(answers, **options):
    return assess(answers, threshold=options.pop("threshold", HALF), resamples=options.pop("resamples", 100), **options)


def test_metrics_json_is_what_its_readers_rely_on(tmp_path):
    answers = binary()
    point = choose_threshold(answers.truths, answers.scores, "sensitivity>=0.95@lower95")
    found = measured(
        answers,
        threshold=point,
        band=low_confidence_band(answers, point.value),
        temperature=1.3,
        targets=["auc>=0.9", "sensitivity>=0.99"],
        limits=["The split is by patch."],
    )
    write_json(tmp_path / "metrics.json", found.to_json())
    written = json.loads((tmp_path / "metrics.json").read_text())
    assert written["schema_version"] == 2
    assert (written["n"], written["split"], written["positive"]) == (400, "test", "tumour")
    assert written["threshold"]["rule"] == "sensitivity>=0.95@lower95"
    assert written["threshold"]["split"] == "validation"
    (tn, fp), (fn, tp) = written["confusion_matrix"]
    assert written["confusion_labels"] == ["normal", "tumour"]
    assert tn + fp == written["counts"]["normal"]
    assert fn + tp == written["counts"]["tumour"]
    for metric in written["metrics"].values():
        assert set(metric) == {"value", "low", "high", "method", "n"}
        assert metric["low"] <= metric["value"] <= metric["high"]
    assert written["temperature"] == 1.3
    assert [target["met"] for target in written["targets"]] == [True, False]
    assert written["low_confidence"]["flagged"]["value"] <= 0.1
    assert written["limits"][0] == "The split is by patch."
    assert any("No slide or patient" in limit for limit in written["limits"])


def test_every_printed_rate_follows_from_the_one_printed_matrix():
    found = measured(binary(), threshold=OperatingPoint(0.31, "fixed", "none"))
    (tn, fp), (fn, tp) = found.confusion_matrix
    expected = {
        "sensitivity": tp / (tp + fn),
        "specificity": tn / (tn + fp),
        "precision": tp / (tp + fp),
        "npv": tn / (tn + fn),
        "accuracy": (tp + tn) / found.n,
        "f1": 2 * tp / (2 * tp + fp + fn),
        "balanced_accuracy": (tp / (tp + fn) + tn / (tn + fp)) / 2,
        "false_negative_rate": fn / (tp + fn),
        "false_positive_rate": fp / (tn + fp),
    }
    for name, value in expected.items():
        assert found.metrics[name].value == pytest.approx(value), name
    assert sum(found.counts.values()) == found.n == tn + fp + fn + tp
    (row,) = [row for row in found.threshold_table if row.operating]
    assert row.confusion_matrix == found.confusion_matrix
    assert row.sensitivity.value == found.metrics["sensitivity"].value
    points = zip(found.roc.false_positive_rate, found.roc.sensitivity, strict=True)
    assert any(x == pytest.approx(fp / (tn + fp)) and y == pytest.approx(tp / (tp + fn)) for x, y in points)
    assert found.risk_coverage.risk[-1] == pytest.approx((fp + fn) / found.n)
    square = sum(point.n * (point.observed - point.predicted) ** 2 for point in found.reliability) / found.n
    assert 0 <= found.metrics["calibration_error"].value < square**0.5
    assert sum(point.n for point in found.reliability) == found.n


def test_which_column_is_positive_changes_nothing():
    first, second = measured(binary()), measured(binary(turned=True))
    assert first.confusion_matrix == second.confusion_matrix
    assert first.confusion_labels == second.confusion_labels == ("normal", "tumour")
    for name, metric in first.metrics.items():
        assert metric.value == pytest.approx(second.metrics[name].value), name
    assert first.roc == second.roc


def test_the_same_seed_gives_the_same_figures():
    first, again, other = measured(binary()), measured(binary()), measured(binary(), seed=1)
    assert first.to_json() == again.to_json()
    assert first.metrics["mcc"].low != other.metrics["mcc"].low


def test_groups_are_resampled_whole_and_shown_one_by_one():
    found = measured(binary(groups=7))
    assert found.groups == 7
    assert [group.name for group in found.subgroups] == [f"slide {index}" for index in range(7)]
    assert found.metrics["auc"].method.startswith("bootstrap over 7 groups")
    assert found.metrics["auc_delong"].method.startswith("DeLong")
    assert found.metrics["auc"].low <= found.metrics["auc_delong"].low
    assert found.metrics["sensitivity"].method.startswith("bootstrap over 7 groups")
    assert any("Only 7 groups" in limit for limit in found.limits)
    one = measured(binary(groups=1))
    assert one.metrics["auc"].method.startswith("DeLong")
    assert any("one group" in limit for limit in one.limits)


def test_without_groups_delong_is_the_interval_of_the_auc():
    found = measured(binary())
    assert found.metrics["auc"].value == found.metrics["auc_delong"].value
    assert found.metrics["auc"].method.startswith("DeLong, logit scale, t")
    assert found.metrics["auc"].low <= found.metrics["auc_delong"].low
    assert found.metrics["auc_bootstrap"].method.startswith("bootstrap within classes")
    assert found.metrics["auc_bootstrap"].low == pytest.approx(found.metrics["auc"].low, abs=0.02)


def test_a_threshold_chosen_on_the_same_split_is_confessed():
    found = measured(binary(), threshold=OperatingPoint(0.4, "youden", "test"))
    assert any("chosen on test itself" in limit for limit in found.limits)


@pytest.mark.parametrize("label", [0, 1])
def test_one_class_alone_is_measured_as_far_as_it_goes(label):
    answers = Predictions(
        list("abc"), [""] * 3, np.full(3, label), np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8]]), ("n", "t"), 1
    )
    found = measured(answers, targets=["auc>=0.9"])
    assert found.metrics["auc"].value is None
    assert found.metrics["mcc"].value is None
    assert found.metrics["accuracy"].value == pytest.approx([1 / 3, 2 / 3][label])
    assert found.targets[0].met is None
    assert found.roc is found.decision_curve is None
    assert found.prevalence_table == ()
    assert any(f"No sample of {'tn'[label]}" in limit for limit in found.limits)
    json.dumps(found.to_json(), allow_nan=False)
    assert "undefined" in found.summary()


def test_a_model_that_never_says_positive():
    answers = Predictions(list("abcd"), [""] * 4, np.array([0, 1, 0, 1]), np.full((4, 2), [0.8, 0.2]), ("n", "t"), 1)
    found = measured(answers)
    assert found.confusion_matrix == ((2, 0), (2, 0))
    assert found.metrics["precision"].method == "undefined: no positive prediction"
    assert found.metrics["auc"].value == 0.5
    assert found.to_json()["metrics"]["precision"]["value"] is None
    json.dumps(found.to_json(), allow_nan=False)


@settings(max_examples=40)
@given(
    st.lists(st.tuples(st.integers(0, 1), st.integers(0, 10), st.integers(0, 3)), min_size=1, max_size=25),
    st.booleans(),
    st.floats(0, 1),
)
def test_whatever_comes_every_interval_holds_its_estimate(rows, grouped, threshold):
    labels, scores, groups = (np.array(column) for column in zip(*rows, strict=True))
    n = len(rows)
    answers = Predictions(
        [str(i) for i in range(n)],
        [""] * n,
        labels,
        np.stack([1 - scores / 10, scores / 10], axis=1),
        ("n", "t"),
        1,
        [str(group) for group in groups] if grouped else None,
    )
    band = LowConfidenceBand(0.35, 0.65, "score")
    found = measured(answers, threshold=OperatingPoint(threshold, "fixed", "none"), band=band, resamples=20)
    for name, metric in found.metrics.items():
        if metric.value is None:
            assert metric.low is metric.high is None
            assert metric.method.startswith("undefined: ")
        elif metric.low is None:
            assert metric.high is None
            assert metric.method.startswith("no interval: ")
        else:
            assert metric.low <= metric.value <= metric.high, name
    json.dumps(found.to_json(), allow_nan=False)


def test_more_classes_have_no_threshold():
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 3, 90)
    probabilities = rng.dirichlet([1, 1, 1], 90) * 0.4 + np.eye(3)[labels] * 0.6 * rng.random((90, 1))
    probabilities /= probabilities.sum(axis=1, keepdims=True)
    answers = Predictions([str(i) for i in range(90)], [""] * 90, labels, probabilities, ("a", "b", "c"))
    found = assess(
        answers, threshold=None, band=low_confidence_band(answers, None), resamples=50, targets=["accuracy>=0.2"]
    )
    written = json.loads(json.dumps(found.to_json(), allow_nan=False))
    assert written["threshold"] is None
    assert written["confusion_labels"] == ["a", "b", "c"]
    assert np.shape(written["confusion_matrix"]) == (3, 3)
    assert np.sum(written["confusion_matrix"]) == 90
    assert found.metrics["accuracy"].value == np.trace(written["confusion_matrix"]) / 90
    assert [row["name"] for row in written["classes"]] == ["a", "b", "c"]
    assert found.targets[0].met
    assert "balanced accuracy" in found.summary()
    with pytest.raises(EvaluationError, match="3 classes with threshold"):
        measured(answers)
    with pytest.raises(EvaluationError, match="2 classes with threshold None"):
        assess(binary(), threshold=None)


def test_the_summary_says_the_headline():
    found = measured(binary(), targets=["auc>=0.5", "accuracy>=1"])
    lines = found.summary().splitlines()
    assert lines[0].startswith("test: 400 samples (")
    assert f"auc                {found.metrics['auc']}" in found.summary()
    assert lines[-2:] == ["  target auc>=0.5: met", "  target accuracy>=1: not met"]
