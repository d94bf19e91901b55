"""The one rule from probabilities to a decision, and what is written of it."""

import json
from importlib import resources

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from sentinode.core.decision import LowConfidenceBand, OperatingPoint, decide, is_positive
from sentinode.core.metric import Metric
from sentinode.models.bundle_info import BundleInfo

POINT = OperatingPoint(0.25, "sensitivity>=0.95", "validation", 40, 20, Metric(0.95, 0.75, None, "exact", 20))


def test_the_positive_class_is_predicted_from_the_threshold_on() -> None:
    positives = np.array([0.24, 0.25, 0.26])
    decisions = decide(np.stack([positives, 1 - positives], axis=1), positive=0, threshold=0.25)
    assert decisions.classes.tolist() == [1, 0, 0]
    assert decisions.confidences == pytest.approx([0.76, 0.25, 0.26])
    assert not decisions.low_confidence.any()


def test_every_sample_may_have_its_own_threshold() -> None:
    probabilities = np.full((2, 3, 2), 0.5)
    thresholds = np.array([[0.4, 0.5, 0.6], [0.6, 0.5, 0.4]])
    assert decide(probabilities, 1, thresholds).classes.tolist() == [[1, 1, 0], [0, 1, 1]]


def test_a_float32_score_is_compared_as_what_it_is() -> None:
    threshold = 0.1  # as float32 it is a little more
    assert is_positive(np.float32(threshold), threshold)
    assert not is_positive(np.nextafter(np.float32(threshold), np.float32(0)), threshold)


@pytest.mark.parametrize(
    ("quantity", "expected"), [("score", [False, True, True, False]), ("confidence", [False, False, True, True])]
)
def test_the_band_is_closed_and_of_the_quantity_that_it_names(quantity: str, expected: list[bool]) -> None:
    scores = np.array([0.0, 0.25, 0.5, 0.625])
    band = LowConfidenceBand(0.25, 0.625 if quantity == "confidence" else 0.5, quantity)  # type: ignore[arg-type]
    decisions = decide(np.stack([1 - scores, scores], axis=1), positive=1, threshold=0.5, band=band)
    assert decisions.low_confidence.tolist() == expected


def test_of_more_classes_the_likeliest_is_predicted() -> None:
    decisions = decide([0.2, 0.5, 0.3], band=LowConfidenceBand(0.5, 0.6, "confidence"))
    assert (int(decisions.classes), float(decisions.confidences), bool(decisions.low_confidence)) == (1, 0.5, True)


def test_an_operating_point_is_read_as_it_was_written() -> None:
    adapter = TypeAdapter(OperatingPoint)
    written = POINT.to_json()
    assert adapter.validate_python(json.loads(json.dumps(written))) == POINT
    assert adapter.dump_python(POINT, mode="json") == written
    with pytest.raises(ValidationError, match="surprise"):
        adapter.validate_python({**written, "surprise": 1})


def test_a_number_that_json_has_not_becomes_null() -> None:
    metric = Metric(float("nan"), 0.1, float("inf"), "bootstrap")
    written = TypeAdapter(Metric).dump_python(metric, mode="json")
    assert written == metric.to_json() == {"value": None, "low": 0.1, "high": None, "method": "bootstrap", "n": None}


def test_the_description_of_a_bundle_is_written_as_it_was() -> None:
    text = (resources.files("sentinode") / "shipped" / "pcam" / "bundle.json").read_text(encoding="utf-8")
    info = BundleInfo.model_validate_json(text)
    assert json.dumps(info.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n" == text
