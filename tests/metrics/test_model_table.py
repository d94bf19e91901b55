"""The table of baselines and models: its figures, the choice of the strongest baseline, uplifts, CSV and page."""

import csv
import dataclasses
import json

import pytest
from sklearn.metrics import f1_score

from helpers.model_tables import RESAMPLES, make_candidates
from sentinode.core.errors import EvaluationError
from sentinode.metrics.comparison import compare
from sentinode.metrics.model_table import ModelTable, tabulate, write_table


@pytest.fixture(scope="module")
def table(binary) -> ModelTable:
    return tabulate(make_candidates(binary.predictions), resamples=RESAMPLES)


def test_the_strongest_baseline_is_chosen_on_validation(table):
    assert [row.name for row in table.rows] == ["chosen", "lucky", "poor", "<b>mine</b>"]
    assert table.strongest == "chosen"
    assert table.row("lucky").metrics["auc"].value > table.row("chosen").metrics["auc"].value


def test_the_uplift_is_the_paired_comparison_with_it(table, binary):
    baseline = make_candidates(binary.predictions)[2].predictions
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
    row = tabulate(make_candidates(predictions), resamples=RESAMPLES).row("poor")
    noisy = make_candidates(predictions)[0].predictions
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


def test_what_can_not_be_compared_is_refused(binary):
    candidates = make_candidates(binary.predictions)
    with pytest.raises(EvaluationError, match="there is no baseline"):
        tabulate(candidates[3:])
    with pytest.raises(EvaluationError, match=r"poor .*validation"):
        tabulate([dataclasses.replace(candidates[0], validation_auc=None), *candidates[1:]])
    with pytest.raises(EvaluationError, match="two models are called 'poor'"):
        tabulate([candidates[0], candidates[0]])
