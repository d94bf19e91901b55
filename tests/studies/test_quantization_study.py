from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper

from sentinode.core.errors import EvaluationError, StorageError
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.studies import quantization_study as quantization
from sentinode.studies.quantization_study import QuantizationResult, quantize_bundle
from sentinode.studies.train_study import train
from sentinode.training.recipe import Recipe


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    return Settings(cache=tmp_path_factory.mktemp("cache"), threads=1)


@pytest.fixture(scope="module")
def original(small_recipe: Callable[..., Recipe], tmp_path_factory: pytest.TempPathFactory, settings: Settings) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "run"
    train(small_recipe(), out=folder, settings=settings)
    return folder / "bundle"


def _quantize(original: Path, patches: Path, out: Path, settings: Settings) -> QuantizationResult:
    return quantize_bundle(str(original), f"folder:{patches}", out, settings=settings, progress=Progress())


def test_an_int8_bundle_is_written_with_its_own_threshold_and_told_apart(
    original: Path, patches: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    # So small a network on so few images may fall by more; what is refused is for the next test.
    monkeypatch.setattr(quantization, "LARGEST_FALL", 1.0)
    result = _quantize(original, patches, tmp_path / "int8", settings)
    info, before = open_bundle(tmp_path / "int8").info, open_bundle(original).info
    assert info.precision == "int8"
    assert info.threshold is not None
    assert before.threshold is not None
    assert info.threshold.rule == before.threshold.rule
    assert info.threshold.value != before.threshold.value
    assert info.temperature != before.temperature
    assert result.comparison.n == 60
    assert 0.8 < result.agreement <= 1
    found: dict[str, Any] = result.to_json()
    assert set(found["comparison"]["differences"]["auc"]) == {"value", "low", "high", "method", "n"}
    assert found["graph_bytes"]["int8"] < found["graph_bytes"]["original"]
    assert "INT8" in result.summary()
    assert any("INT8" in limit and "on 60 validation tiles" in limit for limit in info.limits)


def test_a_model_that_becomes_worse_is_refused_and_nothing_is_written(
    original: Path, patches: Path, tmp_path: Path, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    def spoiled(bundle: Bundle, tiles: np.ndarray) -> ModelProto:
        graph = quantize(bundle, tiles)
        first = next(tensor for tensor in graph.graph.initializer if tensor.name == "network.features.block1.0.weight")
        first.CopyFrom(numpy_helper.from_array(np.zeros(list(first.dims), np.float32), first.name))
        return graph

    quantize = quantization.quantize_graph
    monkeypatch.setattr(quantization, "quantize_graph", spoiled)
    with pytest.raises(EvaluationError, match=r"0\.\d+ .*at most 0\.002"):
        _quantize(original, patches, tmp_path / "int8", settings)
    assert not (tmp_path / "int8").exists()


def test_a_folder_of_something_else_is_left_alone(
    original: Path, patches: Path, tmp_path: Path, settings: Settings
) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(StorageError, match="something else than a bundle"):
        _quantize(original, patches, tmp_path, settings)
    assert (tmp_path / "notes.txt").exists()
