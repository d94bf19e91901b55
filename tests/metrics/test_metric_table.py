"""The table of metrics, and metrics that other packages declare."""

import sys
from importlib.metadata import EntryPoint
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from sentinode.core import plugins
from sentinode.core.decision import OperatingPoint
from sentinode.metrics.assessment import Assessment, assess
from sentinode.metrics.metric_table import METRICS, MetricKind, metric_kind, shown_in
from sentinode.metrics.predictions import Predictions


def _errors(labels: np.ndarray, _probabilities: np.ndarray, decisions: np.ndarray) -> float:
    return float((labels != decisions).sum())


def _positive_mean(labels: np.ndarray, probabilities: np.ndarray, _decisions: np.ndarray) -> float:
    return float(probabilities[labels == 1, 1].mean())


def _broken(*_arrays: np.ndarray) -> float:
    raise ZeroDivisionError("no luck")


@pytest.fixture
def declared(monkeypatch: pytest.MonkeyPatch) -> None:
    module: Any = ModuleType("strange_metrics")
    module.errors = MetricKind("errors", "Wrong answers", larger_is_better=False, value=_errors)
    module.positive_mean = MetricKind("positive_mean", "Mean of the positive", per_cent=True, value=_positive_mean)
    module.broken = MetricKind("broken", "Broken", value=_broken)
    monkeypatch.setitem(sys.modules, "strange_metrics", module)
    names = {"errors": "errors", "positive_mean": "positive_mean", "broken": "broken", "gone": "nothing"}
    entries = [EntryPoint(name, f"strange_metrics:{at}", "sentinode.metrics") for name, at in names.items()]
    monkeypatch.setattr(plugins, "entry_points", lambda group: entries if group == "sentinode.metrics" else [])


@pytest.fixture
def predictions() -> Predictions:
    rng = np.random.default_rng(0)
    labels = rng.integers(0, 2, 60)
    tumour = np.clip(labels * 0.4 + rng.uniform(0, 0.6, 60), 0, 1)
    ids = [str(n) for n in range(60)]
    # The positive class is the first column: what comes from elsewhere sees it as the second.
    return Predictions(ids, ids, 1 - labels, np.stack([tumour, 1 - tumour], axis=1), ("tumour", "normal"), 0)


def _assessed(predictions: Predictions) -> Assessment:
    return assess(predictions, threshold=OperatingPoint(0.5, "fixed", "none"), split="test", resamples=50)


def test_a_declared_metric_is_measured_with_an_interval(declared: None, predictions: Predictions) -> None:
    assessment = _assessed(predictions)
    (_, fp), (fn, _) = assessment.confusion_matrix
    errors, mean = assessment.metrics["errors"], assessment.metrics["positive_mean"]
    assert errors.value == fp + fn
    assert errors.low is not None
    assert errors.high is not None
    assert errors.low <= fp + fn <= errors.high
    assert mean.value == pytest.approx(predictions.scores[predictions.truths == 1].mean())
    assert metric_kind("errors").words == "Wrong answers"


def test_a_metric_that_fails_says_why_and_stops_no_other(declared: None, predictions: Predictions) -> None:
    metrics = _assessed(predictions).metrics
    assert metrics["broken"].value is None
    assert "no luck" in metrics["broken"].method
    assert metrics["gone"].value is None
    assert "'gone'" in metrics["gone"].method
    assert metrics["auc"].value is not None


def test_without_other_packages_our_own_are_measured(predictions: Predictions) -> None:
    assert set(_assessed(predictions).metrics) == set(METRICS) - {"auc_pooled", "loss"}


def test_what_a_card_shows_is_in_the_order_of_the_table() -> None:
    assert shown_in("short") == ("auc", "sensitivity", "specificity", "accuracy")
    assert shown_in("card") == (
        *("auc", "average_precision", "sensitivity", "specificity", "precision", "npv", "f1", "accuracy", "brier"),
    )  # fmt: skip


def test_a_name_that_nobody_declares_is_said_with_blanks() -> None:
    assert metric_kind("slide_auc").words == "Slide auc"
