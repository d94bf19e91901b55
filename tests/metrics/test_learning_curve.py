"""Learning curves: median and range over seeds, what the page says of them, CSV and pictures."""

import csv
import dataclasses
import json

import numpy as np
import pytest

from helpers.learning_curves import AUCS, make_curve
from sentinode.core.errors import EvaluationError
from sentinode.metrics.learning_curve import CurvePoint, learning_curve, point_metrics, write_curve


def test_steps_are_median_and_range_of_the_seeds():
    first, _, last = make_curve().steps
    assert (first.fraction, first.n, first.smallest, first.largest, first.seeds) == (0.1, 101, 100, 102, 3)
    assert (first.metrics["auc"].value, first.metrics["auc"].low, first.metrics["auc"].high) == (0.70, 0.62, 0.75)
    assert last.n == 1000
    (single,) = make_curve({1.0: (0.9,)}).steps
    assert (single.metrics["auc"].value, single.metrics["auc"].low) == (0.9, None)


def test_points_come_back_from_json_and_are_in_the_csv(tmp_path):
    curve = make_curve(groups=4)
    stored = json.loads(json.dumps(curve.to_json(), allow_nan=False))
    assert [CurvePoint.from_json(point) for point in stored["points"]] == list(curve.points)
    write_curve(curve, tmp_path / "curve.csv")
    rows = list(csv.DictReader((tmp_path / "curve.csv").read_text(encoding="utf-8").splitlines()))
    assert [(float(row["fraction"]), int(row["seed"]), float(row["auc"])) for row in rows] == [
        (fraction, seed, auc) for fraction, values in AUCS.items() for seed, auc in enumerate(values)
    ]
    assert rows[0]["auc_low"] == ""


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
