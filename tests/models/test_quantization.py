from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from onnx import ModelProto, numpy_helper

from sentinode.core.decision import OperatingPoint
from sentinode.core.errors import BundleError, SentinodeError
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.engines import engine_factory
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.onnx_graph import model_bytes, read_graph, widen_weights
from sentinode.models.quantization import float_nodes, graph_engine, quantize_graph, write_quantized_bundle

BundleOf = Callable[[str], Bundle]
KINDS = ("logit-d4-half", "batch-norm-half", "transformer")


@pytest.fixture(scope="module")
def quantized(bundle_of: BundleOf, tiles: np.ndarray) -> Callable[[str], ModelProto]:
    made: dict[str, ModelProto] = {}

    def graph(kind: str) -> ModelProto:
        if kind not in made:
            made[kind] = quantize_graph(bundle_of(kind), tiles)
        return made[kind]

    return graph


@pytest.mark.parametrize("kind", KINDS)
def test_an_int8_graph_answers_nearly_alike(
    bundle_of: BundleOf, quantized: Callable[[str], ModelProto], tiles: np.ndarray, kind: str
) -> None:
    bundle = bundle_of(kind)
    original = open_engine(bundle, "openvino", threads=1).predict(tiles)
    found = graph_engine(quantized(kind), bundle.info, threads=1).predict(tiles)
    assert not np.array_equal(found.probabilities, original.probabilities)
    spread = original.embedding.std(axis=0).mean()
    assert np.abs(found.embedding - original.embedding).mean() < 0.25 * spread
    np.testing.assert_allclose(found.probabilities, original.probabilities, atol=0.1)


@pytest.mark.parametrize("kind", KINDS)
def test_only_the_network_is_quantised(quantized: Callable[[str], ModelProto], kind: str) -> None:
    model = quantized(kind)
    quantised = {output for node in model.graph.node if node.op_type == "DequantizeLinear" for output in node.output}
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    convolutions = [node for node in model.graph.node if node.op_type == "Conv"]
    assert quantised
    first = convolutions[0].input[1]  # of each view: it sees the normalised image
    for node in convolutions:
        assert bool(quantised.intersection(node.input)) == (node.input[1] != first)
    for node in model.graph.node:
        if node.op_type in ("Softmax", "Div", "Slice") and node.output[0].startswith(("softmax", "div", "flip")):
            assert not quantised.intersection(node.input)
    assert numpy_helper.to_array(weights["temperature"]) == np.float32(1.3)


def test_what_stays_in_float_is_all_around_the_network(bundle_of: BundleOf) -> None:
    model = read_graph(bundle_of("logit-d4-half").graph)
    widen_weights(model)
    kept = set(float_nodes(model))
    types = [(node.op_type, node.name in kept) for node in model.graph.node if node.op_type != "Constant"]
    convolutions = [stays for kind, stays in types if kind == "Conv"]
    assert convolutions == ([True] + [False] * 24) * 3  # three sizes
    assert [stays for kind, stays in types if kind == "Gemm"] == [False] * 3
    resizing = [kind for kind, stays in types if stays and kind == "MatMul"]
    assert len(resizing) == 2 * 2  # one of the sizes is the tile's own
    for kind in ("Softmax", "Div", "Cast", "Transpose"):
        assert all(stays for other, stays in types if other == kind), kind


def test_a_quantised_bundle_is_a_bundle_like_any_other(
    bundle_of: BundleOf,
    quantized: Callable[[str], ModelProto],
    tiles: np.ndarray,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    original = bundle_of("batch-norm-half")
    written = write_quantized_bundle(
        original,
        quantized("batch-norm-half"),
        tmp_path / "int8",
        temperature=2.5,
        threshold=OperatingPoint(value=0.3, rule="youden", split="validation"),
        low_confidence=None,
        limits=("Quantised.",),
    )
    info = open_bundle(tmp_path / "int8").info
    assert info == written.info
    assert (info.precision, info.temperature, info.metrics) == ("int8", 2.5, None)
    assert info.threshold is not None
    assert info.threshold.value == 0.3
    assert info.provenance.derived_from == original.info.files["model.onnx"]
    assert info.files["weights.safetensors"] == original.info.files["weights.safetensors"]
    assert "- Quantised." in (written.folder / "MODEL_CARD.md").read_text()
    assert model_bytes(written.graph) < 0.75 * model_bytes(original.graph)

    monkeypatch.setattr(engine_factory, "_has_cuda", lambda: True)
    engine = open_engine(written, threads=1)
    assert engine.name == "openvino"  # even where auto would take torch
    assert len(engine.predict(tiles).probabilities) == len(tiles)
    with pytest.raises(SentinodeError, match=r"INT8.*use openvino"):
        open_engine(written, "torch")
    with pytest.raises(BundleError, match="INT8 already"):
        quantize_graph(written, tiles)
