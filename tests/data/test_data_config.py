"""The `[data]` table."""

import pytest
from pydantic import ValidationError

from sentinode.data.data_config import DataConfig, SplitConfig


def test_unknown_key_is_refused() -> None:
    with pytest.raises(ValidationError, match="on_leaks"):
        DataConfig.model_validate({"source": "x", "on_leaks": "drop"})


@pytest.mark.parametrize("fractions", [(0.7, 0.2, 0.2), (1.2, -0.1, -0.1)])
def test_fractions_must_be_shares(fractions: tuple[float, float, float]) -> None:
    with pytest.raises(ValidationError, match="must sum to 1"):
        SplitConfig(fractions=fractions)


def test_survives_being_saved() -> None:
    config = DataConfig(source="x", split=SplitConfig(test="valid", by="stain"))
    assert DataConfig.model_validate_json(config.model_dump_json()) == config
