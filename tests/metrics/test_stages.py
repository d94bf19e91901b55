"""CAMELYON17's rules by hand and on its own labels; kappa against scikit-learn."""

import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, confusion_matrix

from sentinode.core.errors import EvaluationError
from sentinode.core.node_classes import SLIDE_CLASSES, STAGES
from sentinode.metrics.stages import (
    confusion,
    pn_stage,
    quadratic_kappa,
    slide_class,
    stage_patients,
)


@pytest.mark.parametrize(
    ("diameter", "cells", "expected"),
    [
        (None, None, "negative"),
        (1.0, None, "itc"),
        (200.0, None, "itc"),
        (200.1, None, "micro"),
        (350.0, 199, "itc"),
        (350.0, 200, "micro"),
        (2000.0, None, "micro"),
        (2000.1, 10_000, "macro"),
    ],
)
def test_slide_class_by_size(diameter, cells, expected):
    assert slide_class(diameter, cells) == expected


@pytest.mark.parametrize("diameter", [0.0, -3.0, float("nan")])
def test_a_lesion_without_a_size_is_refused(diameter):
    with pytest.raises(EvaluationError, match="above 0"):
        slide_class(diameter)


@pytest.mark.parametrize(
    ("classes", "stage"),
    [
        ("negative negative negative negative negative", "pN0"),
        ("negative itc negative itc itc", "pN0(i+)"),
        ("itc micro micro micro micro", "pN1mi"),
        ("micro micro micro micro micro", "pN1mi"),
        ("macro negative itc itc itc", "pN1"),
        ("macro micro micro itc negative", "pN1"),
        ("macro micro micro micro itc", "pN2"),
        ("macro macro macro macro macro", "pN2"),
    ],
)
def test_stage_by_hand(classes, stage):
    assert pn_stage(classes.split()) == stage


def test_stages_that_the_rule_does_not_know_are_refused():
    with pytest.raises(EvaluationError, match="'huge' is unknown"):
        pn_stage(["huge"])
    with pytest.raises(EvaluationError, match="without slides"):
        pn_stage([])
    with pytest.raises(EvaluationError, match="10 positive nodes"):
        pn_stage(["macro"] * 10)


@given(st.lists(st.sampled_from(SLIDE_CLASSES), min_size=1, max_size=8), st.sampled_from(SLIDE_CLASSES))
def test_one_slide_more_never_lowers_the_stage(classes, more):
    assert STAGES.index(pn_stage([*classes, more])) >= STAGES.index(pn_stage(classes))
    assert pn_stage(classes[::-1]) == pn_stage(classes)


def test_every_patient_of_camelyon17_gets_the_stage_that_was_given(shared_data):
    with (shared_data / "annotations" / "camelyon17_stage_labels.csv").open(newline="") as stream:
        rows = dict(csv.reader(stream))
    given_stages = {name.removesuffix(".zip"): stage for name, stage in rows.items() if name.endswith(".zip")}
    classes = {name.removesuffix(".tif"): label for name, label in rows.items() if name.endswith(".tif")}
    staged = stage_patients(classes, {slide: slide.split("_node_")[0] for slide in classes})
    assert len(staged) == 100
    assert {one.patient: one.stage for one in staged} == given_stages
    assert all(one.complete for one in staged)


def test_patients_are_staged_from_all_their_slides():
    staged = stage_patients({"a1": "micro", "a2": "macro", "b1": "itc"}, {"a1": "a", "a2": "a", "b1": "b"})
    assert [(one.patient, one.stage, one.complete) for one in staged] == [("a", "pN1", False), ("b", "pN0(i+)", False)]
    assert staged[0].slides == {"a1": "micro", "a2": "macro"}


def test_slides_and_patients_must_match():
    with pytest.raises(EvaluationError, match=r"b1.*no patient"):
        stage_patients({"a1": "micro", "b1": "itc"}, {"a1": "a"})
    with pytest.raises(EvaluationError, match=r"a2 .*1 more.*not scanned"):
        stage_patients({"a1": "micro"}, {"a1": "a", "a2": "a", "a3": "a"})


@settings(max_examples=40)
@given(st.integers(0, 10**6), st.integers(2, 40))
def test_kappa_and_counts_agree_with_scikit_learn(seed, n):
    rng = np.random.default_rng(seed)
    truths, predicted = (list(rng.choice(STAGES, n)) for _ in range(2))
    assert (confusion(truths, predicted, STAGES) == confusion_matrix(truths, predicted, labels=STAGES)).all()
    if len({*truths, *predicted}) > 1:
        expected = cohen_kappa_score(truths, predicted, labels=list(STAGES), weights="quadratic")
        assert quadratic_kappa(truths, predicted, resamples=2).value == pytest.approx(expected)


def test_kappa_has_an_interval_or_says_why_not():
    rng = np.random.default_rng(1)
    truths = list(rng.choice(STAGES, 60))
    predicted = [stage if rng.random() < 0.7 else rng.choice(STAGES) for stage in truths]
    kappa = quadratic_kappa(truths, predicted)
    assert kappa.low < kappa.value < kappa.high
    assert "bootstrap" in kappa.method
    assert quadratic_kappa(truths, truths).value == 1
    assert quadratic_kappa(["pN0"] * 3, ["pN0"] * 3).value is None


def test_kappa_refuses_stages_that_it_does_not_know():
    with pytest.raises(EvaluationError, match="'pN3' is none of"):
        quadratic_kappa(["pN0", "pN3"], ["pN0", "pN1"])
    with pytest.raises(EvaluationError, match="2 true and 1 predicted"):
        quadratic_kappa(["pN0", "pN1"], ["pN0"])
