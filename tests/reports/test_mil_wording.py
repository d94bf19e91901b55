"""What the page on slides with a label only says of a difference: ahead, behind, or not shown."""

import pytest

from sentinode.core.metric import Metric
from sentinode.metrics.method_table import MethodRow, MethodTable
from sentinode.reports.mil_wording import gain_sentence, part_sentences


def _table(gain: Metric) -> MethodTable:
    auc = Metric(0.8, 0.7, 0.9, "DeLong", 40)
    parts = {"cells up to 3": {"auc": auc, "sensitivity": auc, "gain": gain}}
    rows = (
        MethodRow("mean", "method", {"auc": auc}, {}),
        MethodRow("abmil", "method", {"auc": auc}, {"mean": gain}, None, parts),
    )
    return MethodTable(rows, 40, {"normal": 20, "tumour": 20}, None, {"cells up to 3": 7})


@pytest.mark.parametrize(
    ("ends", "words"),
    [
        ((0.05, 0.02, 0.08), "ABMIL is ahead of mean pooling: AUC +0.0500"),
        ((-0.05, -0.08, -0.02), "ABMIL is behind mean pooling: AUC −0.0500"),
        ((0.05, -0.02, 0.12), "ABMIL is not shown to be ahead of mean pooling: AUC +0.0500"),
        ((0.0, 0.0, 0.0), "ABMIL is not shown to be ahead of mean pooling"),
    ],
)
def test_only_an_interval_beside_zero_is_ahead_or_behind(ends: tuple[float, float, float], words: str) -> None:
    assert words in gain_sentence(_table(Metric(*ends, "paired", 40)), "abmil", "mean", "Out of fold")


def test_a_part_says_how_many_slides_it_rests_on() -> None:
    found = part_sentences(_table(Metric(0.05, 0.02, 0.08, "paired", 40)), "abmil", "mean")
    assert found == [
        "cells up to 3 (7 slides with tumour): AUC of ABMIL 0.800, +0.0500 against mean pooling (+0.0200 to +0.0800): "
        "ahead."
    ]


def test_without_a_difference_it_says_why() -> None:
    text = gain_sentence(_table(Metric.undefined("no positive sample")), "abmil", "mean", "Out of fold")
    assert text == "Out of fold, ABMIL and mean pooling can't be compared: no positive sample."
