import pytest
from pydantic import ValidationError

from sentinode.training.classical.classifier_config import ClassicalConfig


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"model": "perceptron"}, "model"),
        ({"penalty": 1}, "penalty"),
        ({"parameters": {"C": 1.0}, "grid": {"C": [1.0]}}, "C is in parameters and in grid"),
        ({"grid": {"C": []}}, "grid.C = \\[\\] has no value"),
        ({"select": []}, "select = "),
        ({"select": -1}, "select = -1"),
        ({"select": [5, 5]}, "several different ones"),
    ],
)
def test_what_makes_no_sense_is_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ClassicalConfig.model_validate(values)


def test_one_number_of_features_or_several() -> None:
    assert ClassicalConfig().selections == (0,)
    assert ClassicalConfig(select=[10, 0]).selections == (10, 0)
