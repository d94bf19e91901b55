"""The report's sentences, against figures that are known."""

import pytest

from sentinode.core.decision import OperatingPoint
from sentinode.core.messages import listed, plural
from sentinode.core.metric import Metric
from sentinode.reports import assessment_wording, wording

NBSP = "\N{NO-BREAK SPACE}"


def _exact(value: float) -> Metric:
    return Metric(value, None, None, "")


@pytest.mark.parametrize(("prevalence", "ppv"), [(0.5, "93.8"), (0.1, "62.7"), (0.01, "13.2")])
def test_predictive_values_over_prevalence_are_the_published_ones(prevalence, ppv):
    words = assessment_wording.prevalence_words(_exact(0.952), _exact(0.937), "tumour", "patch", prevalence)
    assert f"PPV {ppv}{NBSP}%" in words


def test_counts_out_of_ten_thousand_add_up():
    words = assessment_wording.prevalence_words(_exact(0.95), _exact(0.9), "tumour", "patch", 0.01)
    assert "call 1,085 of them tumour, 95 rightly" in words
    assert "pass 8,915, of which 5" in words


def test_a_model_that_calls_nothing_has_no_ppv():
    words = assessment_wording.prevalence_words(_exact(0.0), _exact(1.0), "tumour", "patch", 0.01)
    assert "PPV" not in words
    assert assessment_wording.prevalence_words(Metric.undefined("none"), _exact(1.0), "tumour", "patch", 0.01) == ""


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        ("sensitivity>=0.95", "sensitivity is at least 0.95"),
        ("specificity>=0.9+0.02", "specificity is at least 0.9 with a margin of 0.02"),
        ("sensitivity>=0.95@lower97.5", f"the lower 97.5{NBSP}% confidence bound of sensitivity is at least 0.95"),
        ("youden", "sensitivity + specificity is largest (Youden)"),
        ("f1", "the F1 score is largest"),
        ("my own", "my own"),
    ],
)
def test_rules_in_words(rule, words):
    assert wording.rule_in_words(rule) == words
    point = OperatingPoint(0.25, rule, "validation", 10, 4)
    chosen = assessment_wording.threshold_words(point, "tumour", "patch")[1]
    assert "validation split (10 patches, 4 of them tumour)" in chosen
    assert words in chosen


def test_splitting_says_whether_slides_may_be_shared():
    assert "no patient" in assessment_wording.splitting_words("group", "patient")
    for grouping in ("stain", "none"):
        assert "images of one slide may" in assessment_wording.splitting_words(grouping, "slide")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (wording.number(-0.0004), "0.000"),
        (wording.number(-0.25, 2), "−0.25"),
        (wording.number(None), "–"),
        (wording.per_cent(0.12345), f"12.3{NBSP}%"),
        (plural(1, "patch"), "1 patch"),
        (plural(2907, "patch"), "2,907 patches"),
        (plural(2, "epoch"), "2 epochs"),
        (listed(["a", "b", "c"]), "a, b and c"),
        (wording.shortened("abcdef", 4), "…def"),
        (wording.p_value(0.0004), f"<{NBSP}0.001"),
        (wording.difference("auc", Metric(0.01234, None, None, "")), "+0.0123"),
        (wording.difference("sensitivity", Metric(-0.0123, None, None, "")), f"−1.2{NBSP}points"),
        (wording.difference("auc", Metric(0.0, None, None, "")), "0.0000"),
        (wording.difference_interval("auc", Metric(0.0, -0.001, 0.002, "")), "−0.0010 to +0.0020"),
    ],
)
def test_numbers_as_a_reader_wants_them(text, expected):
    assert text == expected


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(None, "–"), (0.0123, "0.012 s"), (9.9, "9.9 s"), (9.97, "10 s"), (59.6, "1 min 00 s"), (3725.0, "1 h 02 min")],
)
def test_durations(seconds, words):
    assert wording.duration(seconds).replace(NBSP, " ") == words


def test_a_class_that_is_called_a_number_is_not_read_as_one():
    assert wording.of_class("tumour", "patch") == "tumour patch"
    assert wording.with_article(wording.of_class("1", "image")) == "an image of class 1"
    assert wording.with_article(wording.of_class("0", "one")) == "one of class 0"
    assert wording.of_class("0", "ones") == "of class 0"
