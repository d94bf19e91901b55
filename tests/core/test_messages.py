"""What is wrong with a value, in one line."""

import json

import pytest
from pydantic import BaseModel, ConfigDict, ValidationError, model_validator

from sentinode.core.messages import agree, one_line, plural


class _Fit(BaseModel):
    model_config = ConfigDict(extra="forbid")

    epochs: int
    warmup: float = 0.0

    @model_validator(mode="after")
    def _warmup_fits(self) -> "_Fit":
        if self.warmup > self.epochs:
            raise ValueError("Warmup is longer than all epochs; lower it")
        return self


@pytest.mark.parametrize(
    ("values", "expected"),
    [
        (
            {"epochs": "many"},
            "training.epochs = 'many': input should be a valid integer, unable to parse string as an integer",
        ),
        ({"epochs": 1, "epoch": 2}, "unknown key 'training.epoch'; remove or correct it"),
        ({}, "'training.epochs' is missing; add it"),
        ({"epochs": 1, "warmup": 2}, "training: warmup is longer than all epochs; lower it"),
        ({"lr": 1}, "'training.epochs' is missing; add it; unknown key 'training.lr'; remove or correct it"),
    ],
)
def test_a_wrong_value_is_told_in_one_line(values: dict[str, object], expected: str) -> None:
    with pytest.raises(ValidationError) as raised:
        _Fit.model_validate(values)
    assert one_line(raised.value, "training") == expected


def test_any_error_is_told_in_one_line() -> None:
    assert one_line(OSError("two\n  lines")) == "two lines"
    assert one_line(EOFError()) == "EOFError"
    with pytest.raises(json.JSONDecodeError) as raised:
        json.loads("{")
    assert "\n" not in one_line(raised.value)


def test_numbers_agree_with_their_nouns_and_verbs() -> None:
    assert [plural(amount, "patch") for amount in (0, 1, 2_907)] == ["0 patches", "1 patch", "2,907 patches"]
    assert [plural(2, noun) for noun in ("epoch", "metastasis", "tile")] == ["2 epochs", "2 metastases", "2 tiles"]
    assert agree(1, "image lies", "images lie") == "1 image lies"
    assert agree(1_000, "image lies", "images lie") == "1,000 images lie"
