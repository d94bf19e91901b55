"""Learning curves: median and range over seeds, what the page says of them, CSV and pictures."""

import csv
import dataclasses
import json
import re
import xml.etree.ElementTree as ElementTree

import numpy as np
import pytest

from sentinode.core.errors import EvaluationError
from sentinode.core.metric import Metric
from sentinode.metrics.learning_curve import CurvePoint, learning_curve, point_metrics, write_curve
from sentinode.reports.charts.learning_curve_chart import curve_chart, curve_picture
from sentinode.reports.frame import Context
from sentinode.reports.learning_curve_page import write_curve_page

AUCS = {0.1: (0.70, 0.62, 0.75), 0.5: (0.80, 0.79, 0.81), 1.0: (0.90, 0.89, 0.91)}


def _point(fraction: float, seed: int, auc: float | None, groups: int | None = None) -> CurvePoint:
    area = Metric(auc, None, None, "", 50) if auc is not None else Metric.undefined("no positive sample", 50)
    n = round(1000 * fraction) + (seed if fraction < 1 else 0)
    counts = {"normal": n // 2, "tumour": n - n // 2}
    return CurvePoint(fraction, seed, n, counts, groups, {"auc": area, "accuracy": Metric(0.6, 0.5, 0.7, "", 50)}, 2.5)


def _curve(aucs=AUCS, groups=None):
    points = [_point(f, seed, auc, groups) for f, values in aucs.items() for seed, auc in enumerate(values)]
    return learning_curve(points[::-1], n_train=1000, n=50, positive="tumour")


def _page(curve, path) -> str:
    write_curve_page(
        curve, Context(data="folder:x", split="test", notes=("A note.",), model="Forest on <colour>"), path
    )
    return path.read_text(encoding="utf-8")


def test_steps_are_median_and_range_of_the_seeds():
    first, _, last = _curve().steps
    assert (first.fraction, first.n, first.smallest, first.largest, first.seeds) == (0.1, 101, 100, 102, 3)
    assert (first.metrics["auc"].value, first.metrics["auc"].low, first.metrics["auc"].high) == (0.70, 0.62, 0.75)
    assert last.n == 1000
    (single,) = _curve({1.0: (0.9,)}).steps
    assert (single.metrics["auc"].value, single.metrics["auc"].low) == (0.9, None)


def test_points_come_back_from_json_and_are_in_the_csv(tmp_path):
    curve = _curve(groups=4)
    stored = json.loads(json.dumps(curve.to_json(), allow_nan=False))
    assert [CurvePoint.from_json(point) for point in stored["points"]] == list(curve.points)
    write_curve(curve, tmp_path / "curve.csv")
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text(encoding="utf-8").splitlines()))
    assert [(float(row["fraction"]), int(row["seed"]), float(row["auc"])) for row in rows] == [
        (fraction, seed, auc) for fraction, values in AUCS.items() for seed, auc in enumerate(values)
    ]
    assert rows[0]["auc_low"] == ""


def test_the_page_says_whether_more_images_helped(tmp_path):
    html = _page(_curve(), tmp_path / "page.html")
    assert "the median AUC rises by 10.0 points, and the ranges of the seeds do not meet." in html
    flat = {**AUCS, 1.0: (0.805, 0.80, 0.82)}
    html = _page(_curve(flat), tmp_path / "page.html")
    assert "rises by 0.5 points; at 501 images the seeds differ by 2.0 points, at the last by 2.0 points." in html
    falling = {**AUCS, 1.0: (0.70, 0.69, 0.71)}
    assert "falls by 10.0 points, and the ranges" in _page(_curve(falling), tmp_path / "page.html")
    html = _page(_curve({0.5: (0.8,), 1.0: (0.9,)}), tmp_path / "page.html")
    assert "with one seed nothing says how much of that is the draw" in html
    assert "With 1,000 training images (100" in _page(_curve({1.0: (0.9,)}), tmp_path / "page.html")


def test_the_page_is_self_contained_and_escaped(tmp_path):
    html = _page(_curve(groups=4), tmp_path / "page.html")
    assert html == _page(_curve(groups=4), tmp_path / "page.html")
    assert not re.findall(r'(?:src|href)="(?!#)', html)
    assert "<colour>" not in html
    assert "A note." in html
    assert ">Groups<" in html
    assert ">Groups<" not in _page(_curve(), tmp_path / "page.html")


def test_an_undefined_figure_is_said(tmp_path):
    curve = _curve({0.5: (None, None), 1.0: (None, None)})
    assert "AUC can&#39;t be told: a class has no sample." in _page(curve, tmp_path / "page.html")


def test_pictures_have_the_figures_in_words():
    curve = _curve()
    for chart in (curve_chart(curve, "auc"), curve_picture(curve)):
        ElementTree.fromstring(chart.svg())
        assert "1,000 images 0.900 (0.890 to 0.910)" in chart.alt
    many = dataclasses.replace(curve, positive=None)
    assert curve_chart(many, "auc").alt.startswith("Macro AUC by number of training images")


def test_metrics_of_a_point(binary, many):
    p = binary.predictions
    found = point_metrics(p)
    assert found["auc"].value == binary.assessment.metrics["auc"].value
    assert found["accuracy"].value == pytest.approx((p.probabilities.argmax(axis=1) == p.labels).mean())
    found = point_metrics(many.predictions)
    assert found["auc"].value == pytest.approx(many.assessment.metrics["auc"].value)
    assert found["accuracy"].value == pytest.approx(many.assessment.metrics["accuracy"].value)
    without = dataclasses.replace(many.predictions, labels=np.zeros(len(many.predictions), dtype=np.int64))
    assert point_metrics(without)["auc"].value is None


def test_a_curve_of_nothing_is_refused():
    with pytest.raises(EvaluationError, match="at least one point"):
        learning_curve([], n_train=1, n=1, positive=None)
