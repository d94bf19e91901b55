"""The comparison page: the figures of each model, their paired differences, and the curves over each other."""

import dataclasses
import re
from pathlib import Path

import numpy as np
import pytest

from sentinode.metrics.comparison import compare
from sentinode.reports import wording
from sentinode.reports.comparison_page import write_comparison_page
from sentinode.reports.frame import Context


@pytest.fixture(scope="module")
def models(binary):
    a = binary.predictions
    noisy = np.clip(a.scores + np.random.default_rng(0).normal(0, 0.25, len(a)), 0, 1)
    b = dataclasses.replace(a, probabilities=np.column_stack([1 - noisy, noisy]))
    return [("pcam", a, 0.4), ("<script>worse</script>", b, 0.5), ("pcam again", a, 0.4)]


def _page(models, path: Path, comparisons=None) -> str:
    comparisons = comparisons or compare(models, resamples=30)
    context = Context(data="folder:patches", split="test", notes=("A note.",))
    write_comparison_page(comparisons, models, context, path / "comparison.html")
    return (path / "comparison.html").read_text(encoding="utf-8")


def test_page_has_every_figure_and_difference(models, tmp_path):
    comparisons = compare(models, resamples=30)
    html = _page(models, tmp_path, comparisons)
    for comparison in comparisons:
        for name, difference in comparison.differences.items():
            assert wording.figure(name, comparison.metrics_b[name]) in html
            assert f"<td>{wording.difference(name, difference)}</td>" in html
            assert wording.difference_interval(name, difference) in html
        assert wording.p_value(comparison.p_value).replace("<", "&lt;") in html
    assert "more than chance explains" in html
    assert "have the same AUC." in html
    assert "A note." in html


def test_page_is_self_contained_escaped_and_repeatable(models, tmp_path):
    html = _page(models, tmp_path)
    assert html == _page(models, tmp_path)
    assert "<script" not in html
    assert not re.findall(r'(?:src|href)="(?!#)', html)
    labels = re.findall(r'role="img" aria-label="([^"]*)"', html)
    assert len(labels) == 2
    assert "AUC: pcam 0." in labels[0]


def test_many_classes_are_compared_without_curves(many, tmp_path):
    a = many.predictions
    flat = (a.probabilities + 0.25) / 2
    models = [("a", a, None), ("b", dataclasses.replace(a, probabilities=flat[:, [1, 0, 2, 3]]), None)]
    html = _page(models, tmp_path)
    assert "a against b" in html
    assert 'id="curves"' not in html
    assert "Sensitivity" not in html


def test_missing_class_is_said_not_hidden(binary, tmp_path):
    a = binary.predictions
    alone = dataclasses.replace(a, labels=np.ones(len(a), dtype=np.int64))
    html = _page([("a", alone, 0.5), ("b", alone, 0.6)], tmp_path)
    assert re.search(r"a and b can&#39;t be compared: [^.]+\.", html)
    assert 'id="curves"' not in html
