"""Maps over a report's errors: made where they can be, and where not, a line and no more."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from helpers.model_makers import TILE_SIZE, make_deployed
from sentinode.core.errors import SentinodeError
from sentinode.explanation import explainable_model, explanation
from sentinode.explanation.explainable_model import ExplainableModel
from sentinode.models.engines.torch_engine import TorchEngine
from sentinode.studies.error_saliency import error_maps


def _image(row: int) -> np.ndarray:
    return np.random.default_rng(row).integers(0, 256, (TILE_SIZE, TILE_SIZE, 3), dtype=np.uint8)


@pytest.fixture
def bundle(monkeypatch: pytest.MonkeyPatch) -> Any:
    """What `error_maps` asks of a bundle, whose last map is one cell."""
    deployed, info = make_deployed("one-cell")
    model = explainable_model._prepared(deployed.eval())
    opened = ExplainableModel(info, TorchEngine(model, info, 1), model, single_look=True)
    monkeypatch.setattr(explainable_model, "open_model", lambda *_, **__: opened)
    return SimpleNamespace(info=info)


def test_a_small_tile_has_maps(bundle: Any) -> None:
    maps, words = error_maps(bundle, _image)
    assert maps is not None
    assert "LayerCAM" in words
    assert any(maps(row) is not None for row in range(4))


def test_a_map_that_can_not_be_made_is_left_out_with_a_line(bundle: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any, **__: Any) -> None:
        raise SentinodeError("no layer has a map")

    monkeypatch.setattr(explanation, "explain", failing)
    assert error_maps(bundle, _image) == (None, "No maps over the errors: no layer has a map.")
