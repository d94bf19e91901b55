"""The `[features]` table."""

from typing import Any

import pytest
from pydantic import ValidationError

from sentinode.training.features.feature_config import FeaturesConfig

MODEL = {"architecture": "cnn3"}


@pytest.mark.parametrize(
    "values", [{"bundle": "pcam"}, {"model": MODEL}, {"kind": "colour"}, {"kind": "network", "model": MODEL}]
)
def test_one_origin_is_accepted(values: dict[str, Any]) -> None:
    config = FeaturesConfig.model_validate(values)
    assert FeaturesConfig.model_validate(config.model_dump(mode="json")) == config


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({}, 'kind = "network" needs either bundle or model, and has neither'),
        ({"bundle": "pcam", "model": MODEL}, "and has bundle and model"),
        ({"kind": "colour", "bundle": "pcam"}, 'kind = "colour" is computed without a network; remove bundle'),
        ({"kind": "color"}, "Input should be 'network', 'pixels', 'colour' or 'texture'"),
        ({"bundle": "pcam", "pool": []}, "at least 1 item"),
        ({"bundle": "pcam", "pool": ["max", "max"]}, "names one kind twice"),
        ({"bundle": "pcam", "pooling": "mean"}, "Extra inputs are not permitted"),
    ],
)
def test_none_or_two_or_a_wrong_one_is_refused(values: dict[str, Any], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        FeaturesConfig.model_validate(values)
