import pytest
from pydantic import ValidationError

from sentinode.core.errors import RecipeError
from sentinode.models.model_config import ModelConfig


def test_unknown_keys_are_refused() -> None:
    with pytest.raises(ValidationError, match="architectur"):
        ModelConfig.model_validate({"architecture": "cnn3", "architectur": "cnn3"})


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"pooling": ["max", "max"]}, "names one kind twice"),
        ({"pooling": []}, "at least 1"),
        ({"std": [0.2, 0.0, 0.2]}, "not above 0"),
        ({"dropout": 1.0}, "less than 1"),
        ({"input_size": 4}, "greater than or equal to 8"),
    ],
)
def test_impossible_values_are_refused(values: dict[str, object], message: str) -> None:
    with pytest.raises(ValidationError, match=message):
        ModelConfig.model_validate({"architecture": "cnn3", **values})


def test_the_head_says_how_many_logits() -> None:
    assert ModelConfig(architecture="cnn3").outputs(9) == 9
    assert ModelConfig(architecture="cnn3", head="logit").outputs(2) == 1
    with pytest.raises(RecipeError, match="there are 9"):
        ModelConfig(architecture="cnn3", head="logit").outputs(9)
