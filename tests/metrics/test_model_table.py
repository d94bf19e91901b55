"""The table of baselines and models: its figures, the choice of the strongest baseline, uplifts, CSV and page."""

import csv
import dataclasses
import json
import re
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import numpy as np
import pytest
from sklearn.metrics import f1_score

from sentinode.core.errors import EvaluationError
from sentinode.metrics.comparison import compare
from sentinode.metrics.model_table import Candidate, Cost, ModelTable, tabulate, write_table
from sentinode.metrics.predictions import Predictions
from sentinode.reports.charts.model_table_chart import table_chart, table_picture
from sentinode.reports.frame import Context
from sentinode.reports.model_table_page import points, write_table_page

RESAMPLES = 40


def _noisier(predictions: Predictions, noise: float, seed: int) -> Predictions:
    p = predictions.probabilities + noise * np.random.default_rng(seed).uniform(0, 1, predictions.probabilities.shape)
    return dataclasses.replace(predictions, probabilities=p / p.sum(axis=1, keepdims=True))


def _candidates(predictions: Predictions) -> list[Candidate]:
    return [
        Candidate("poor", "baseline", "1 value", _noisier(predictions, 20, 1), 0.70, Cost(0.2, 0.01)),
        # Better here than the one that is better on validation: the choice must not look at these images.
        Candidate("lucky", "baseline", "2 values", _noisier(predictions, 1, 2), 0.80, Cost(71.0, 0.3)),
        Candidate("chosen", "baseline", "3 values", _noisier(predictions, 4, 3), 0.90, Cost(4000.0, 12.0)),
        Candidate("<b>mine</b>", "bundle", "a network", predictions, None, Cost(None, 3.0)),
    ]


@pytest.fixture(scope="module")
def table(binary) -> ModelTable:
    return tabulate(_candidates(binary.predictions), resamples=RESAMPLES)


def test_the_strongest_baseline_is_chosen_on_validation(table):
    assert [row.name for row in table.rows] == ["chosen", "lucky", "poor", "<b>mine</b>"]
    assert table.strongest == "chosen"
    assert table.row("lucky").metrics["auc"].value > table.row("chosen").metrics["auc"].value


def test_the_uplift_is_the_paired_comparison_with_it(table, binary):
    baseline = _candidates(binary.predictions)[2].predictions
    (comparison,) = compare(
        [("chosen", baseline, 0.5), ("mine", binary.predictions, 0.5)], resamples=RESAMPLES, seed=42
    )
    uplift = table.row("<b>mine</b>").uplift
    assert uplift.differences == {name: comparison.differences[name] for name in ("auc", "accuracy")}
    assert uplift.p_value == comparison.p_value
    assert "groups" in uplift.differences["accuracy"].method
    assert table.row("chosen").uplift is None


@pytest.mark.parametrize("kind", ["binary", "many"])
def test_figures_are_of_the_likeliest_class(kind, request):
    predictions = request.getfixturevalue(kind).predictions
    row = tabulate(_candidates(predictions), resamples=RESAMPLES).row("poor")
    noisy = _candidates(predictions)[0].predictions
    decided = noisy.probabilities.argmax(axis=1)
    expected = f1_score(predictions.labels, decided, average=None)
    assert [metric.value for metric in row.class_f1.values()] == pytest.approx(expected)
    assert list(row.class_f1) == list(predictions.class_names)
    assert row.metrics["f1"].value == pytest.approx(expected.mean())
    assert row.metrics["accuracy"].value == pytest.approx((decided == predictions.labels).mean())
    for metric in (*row.class_f1.values(), *row.metrics.values()):
        assert metric.low <= metric.value <= metric.high


def test_the_table_as_json_and_csv(table, tmp_path):
    found = json.loads(json.dumps(table.to_json(), allow_nan=False))
    assert found["strongest_baseline"] == {"name": "chosen", "chosen_by": "auc", "chosen_on": "validation"}
    assert [model["uplift"] is None for model in found["models"]] == [True, True, True, False]
    write_table(table, tmp_path / "table.csv")
    rows = list(csv.DictReader((tmp_path / "table.csv").read_text(encoding="utf-8").splitlines()))
    assert [row["model"] for row in rows] == [row.name for row in table.rows]
    assert float(rows[0]["f1_tumour"]) == table.rows[0].class_f1["tumour"].value
    assert rows[0]["uplift_auc"] == ""
    assert float(rows[3]["uplift_auc_low"]) == table.rows[3].uplift.differences["auc"].low
    assert rows[3]["training_seconds"] == ""


def _page(table: ModelTable, path: Path, notes: tuple[str, ...] = ()) -> str:
    write_table_page(table, Context(data="folder:x", split="test", method=("Fitted on train.",), notes=notes), path)
    return path.read_text(encoding="utf-8")


def test_the_page_has_every_figure_and_is_self_contained(table, tmp_path):
    html = _page(table, tmp_path / "page.html", ("5 of 9 images were drawn.",))
    assert html == _page(table, tmp_path / "page.html", ("5 of 9 images were drawn.",))
    assert "<b>mine" not in html
    assert not re.findall(r'(?:src|href)="(?!#)', html)
    difference = table.rows[3].uplift.differences["auc"]
    for text in ("5 of 9 images were drawn.", "Fitted on train.", f"<td>{points(difference)}</td>"):
        assert text in html
    assert "The strongest baseline on validation is chosen" in html
    assert "On these images lucky ranks a little better" in html
    assert len(re.findall(r'role="img" aria-label="[^"]+"', html)) == 2


def test_the_page_of_baselines_alone_and_of_many_classes(many, tmp_path):
    alone = tabulate(_candidates(many.predictions)[:3], resamples=RESAMPLES)
    html = _page(alone, tmp_path / "page.html")
    assert "What a model has to beat" in html
    assert 'id="uplift"' not in html
    assert "Macro AUC" in html
    for name in many.predictions.class_names:
        assert name in html


def test_a_class_without_samples_is_said(binary, tmp_path):
    only = np.flatnonzero(binary.predictions.labels == 1)[:30]
    one_class = Predictions(
        [str(place) for place in only],
        [""] * len(only),
        binary.predictions.labels[only],
        binary.predictions.probabilities[only],
        binary.predictions.class_names,
        1,
    )
    table = tabulate(_candidates(one_class), resamples=RESAMPLES)
    assert table.rows[0].metrics["auc"].value is None
    assert "can&#39;t be compared with chosen by AUC: no negative sample" in _page(table, tmp_path / "page.html")


def test_pictures_name_every_model_with_its_figure(table):
    for chart in (table_chart(table, "auc"), table_chart(table, "accuracy"), table_picture(table)):
        ElementTree.fromstring(chart.svg())
        assert all(row.name in chart.alt for row in table.rows)
    assert table_picture(table).png().startswith(b"\x89PNG")


def test_what_can_not_be_compared_is_refused(binary):
    candidates = _candidates(binary.predictions)
    with pytest.raises(EvaluationError, match="there is no baseline"):
        tabulate(candidates[3:])
    with pytest.raises(EvaluationError, match="poor has no AUC on validation"):
        tabulate([dataclasses.replace(candidates[0], validation_auc=None), *candidates[1:]])
    with pytest.raises(EvaluationError, match="two models are called 'poor'"):
        tabulate([candidates[0], candidates[0]])
