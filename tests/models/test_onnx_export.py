import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import openvino
import pytest
import torch
from onnx import numpy_helper
from safetensors.numpy import load_file

from helpers.model_makers import make_deployed
from sentinode.core.errors import BundleError, WeightsError
from sentinode.models.bundle import Bundle
from sentinode.models.onnx_export import export_graph, round_weights
from sentinode.models.onnx_graph import (
    check_graph,
    fold_transposes,
    halve_weights,
    model_bytes,
    read_graph,
    save_beside_weights,
    set_temperature,
    widen_weights,
)

BundleOf = Callable[[str], Bundle]
KINDS = ("plain", "many-classes", "logit-d4-half", "batch-norm-half", "transformer")


def _run(model: onnx.ModelProto, tiles: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    core = openvino.Core()
    options = {"INFERENCE_PRECISION_HINT": "f32"}
    compiled = core.compile_model(core.read_model(model.SerializeToString()), "CPU", options)
    answers = compiled(tiles)
    return answers["probabilities"].copy(), answers["embedding"].copy()


@pytest.mark.parametrize("kind", KINDS)
def test_the_graph_is_what_the_design_says(bundle_of: BundleOf, kind: str) -> None:
    bundle = bundle_of(kind)
    model = read_graph(bundle.graph)
    onnx.checker.check_model(model, full_check=True)
    shapes = {
        value.name: (value.type.tensor_type.elem_type, [d.dim_value or "N" for d in value.type.tensor_type.shape.dim])
        for value in [*model.graph.input, *model.graph.output]
    }
    info = bundle.info
    assert shapes == {
        "tiles": (onnx.TensorProto.UINT8, ["N", 30, 30, 3]),
        "probabilities": (onnx.TensorProto.FLOAT, ["N", len(info.classes.names)]),
        "embedding": (onnx.TensorProto.FLOAT, ["N", info.embedding_size]),
    }
    assert model.opset_import[0].version >= 18


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("count", [1, 3, 32])
def test_the_graph_answers_as_the_model_for_any_number_of_tiles(
    bundle_of: BundleOf, tiles: np.ndarray, kind: str, count: int
) -> None:
    deployed, info = make_deployed(kind)
    round_weights(deployed.network, info.model.storage)
    with torch.inference_mode():
        expected = deployed.eval()(torch.from_numpy(tiles[:count]))
    found = _run(read_graph(bundle_of(kind).graph), tiles[:count])
    for each, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(each, other.numpy(), atol=1e-4 * max(1, float(other.abs().max())))


def test_the_graph_tells_nothing_of_the_machine(bundle_of: BundleOf) -> None:
    content = bundle_of("plain").graph.read_bytes()
    assert b".py" not in content
    assert b"/src/" not in content


def test_the_temperature_can_be_set_even_where_it_was_one(tiles: np.ndarray) -> None:
    deployed, _ = make_deployed("plain")
    deployed.temperature.fill_(1.0)
    model = export_graph(deployed, "float32")
    assert float(deployed.temperature) == 1.0
    sharp, embedding = _run(model, tiles)
    np.testing.assert_allclose(sharp, deployed(torch.from_numpy(tiles))[0].detach().numpy(), atol=1e-5)
    set_temperature(model, 4.0)
    soft, same = _run(model, tiles)
    np.testing.assert_allclose(np.log(soft[:, 0] / soft[:, 1]) * 4, np.log(sharp[:, 0] / sharp[:, 1]), atol=1e-4)
    np.testing.assert_array_equal(same, embedding)


def test_the_initialisers_are_the_stored_weights(bundle_of: BundleOf) -> None:
    bundle = bundle_of("batch-norm-half")
    model = read_graph(bundle.graph)
    widen_weights(model)
    inside = {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}
    stored = {name: value for name, value in load_file(bundle.weights).items() if value.ndim >= 1}
    assert any("running_var" in name for name in stored)
    for name, value in stored.items():
        np.testing.assert_array_equal(inside[f"network.{name}"], value.astype(np.float32))


def test_widening_undoes_halving() -> None:
    deployed, _ = make_deployed("plain")
    round_weights(deployed.network, "float16")
    model = export_graph(deployed, "float32")
    before = model.SerializeToString(deterministic=True)
    halve_weights(model)
    assert len(model.SerializeToString()) < 0.7 * len(before)
    onnx.checker.check_model(model, full_check=True)
    widen_weights(model)
    assert model.SerializeToString(deterministic=True) == before


def test_every_weight_is_on_the_disk_once(bundle_of: BundleOf) -> None:
    """The graph of a transformer had those of its linear layers transposed, beside the stored ones."""
    for kind in KINDS:
        stored = sum(value.nbytes for value in load_file(bundle_of(kind).weights).values() if value.nbytes >= 1024)
        referring = onnx.load(bundle_of(kind).graph, load_external_data=False).graph.initializer
        shared = sum(int(e.value) for t in referring for e in t.external_data if e.key == "length")
        # What is small may be folded into a constant of the graph, as the position of a class token.
        assert 0.99 * stored <= shared <= stored
        assert sum(len(tensor.raw_data) for tensor in referring) < max(20_000, 0.05 * stored)


def test_a_transformer_with_folded_transposes_answers_alike(bundle_of: BundleOf, tiles: np.ndarray) -> None:
    model = read_graph(bundle_of("transformer").graph)
    before = _run(model, tiles)
    fold_transposes(model)
    onnx.checker.check_model(model, full_check=True)
    assert not {node.input[0] for node in model.graph.node if node.op_type == "Transpose"} & {
        tensor.name for tensor in model.graph.initializer
    }
    for each, other in zip(_run(model, tiles), before, strict=True):
        np.testing.assert_allclose(each, other, atol=1e-5)


def test_what_one_file_cannot_hold_beside_the_weights_is_refused(bundle_of: BundleOf, tmp_path: Path) -> None:
    graph = read_graph(bundle_of("plain").graph)
    shutil.copyfile(bundle_of("batch-norm-half").weights, tmp_path / "weights.safetensors")  # of another network
    with pytest.raises(BundleError, match=r"not in weights.safetensors, and one ONNX file holds 0\.0 GB"):
        save_beside_weights(graph, tmp_path / "model.onnx", limit=10_000)
    assert not (tmp_path / "model.onnx").exists()


def test_rounding_twice_is_rounding_once_and_an_overflow_is_refused() -> None:
    network = make_deployed("plain")[0].network
    original = network.state_dict()["features.block1.0.weight"].clone()
    round_weights(network, "float16")
    once = {name: value.clone() for name, value in network.state_dict().items()}
    round_weights(network, "float16")
    assert all(torch.equal(value, once[name]) for name, value in network.state_dict().items())
    assert not torch.equal(once["features.block1.0.weight"], original)
    with torch.no_grad():
        network.get_parameter("classifier.weight").fill_(1e5)
    with pytest.raises(WeightsError, match=r"classifier\.weight has weights beyond float16.*storage"):
        round_weights(network, "float16")


def test_a_graph_with_other_names_is_refused(bundle_of: BundleOf) -> None:
    model = read_graph(bundle_of("plain").graph)
    model.graph.output[0].name = "scores"
    with pytest.raises(BundleError, match=r"outputs \['scores', 'embedding'\]"):
        check_graph(model)


def test_a_graph_is_read_whole_with_the_weights_beside_it(bundle_of: BundleOf, tmp_path: Path) -> None:
    bundle = bundle_of("plain")
    referring = onnx.load(bundle.graph, load_external_data=False)
    assert any(tensor.data_location == onnx.TensorProto.EXTERNAL for tensor in referring.graph.initializer)
    read = read_graph(bundle.graph)
    onnx.checker.check_model(read)
    whole = len(read.SerializeToString())
    assert bundle.graph.stat().st_size < 0.5 * whole
    assert abs(model_bytes(bundle.graph) - whole) < 0.02 * whole
    # By way of links, as installers and caches of hubs make them; onnx itself refuses these.
    (tmp_path / bundle.weights.name).hardlink_to(bundle.weights)
    (tmp_path / bundle.graph.name).symlink_to(bundle.graph)
    assert read_graph(tmp_path / bundle.graph.name) == read


def test_a_graph_that_refers_elsewhere_is_refused(bundle_of: BundleOf, tmp_path: Path) -> None:
    graph = onnx.load(bundle_of("plain").graph, load_external_data=False)
    shutil.copyfile(bundle_of("plain").weights, tmp_path / "weights.safetensors")
    tensor = next(tensor for tensor in graph.graph.initializer if tensor.external_data)
    place = {entry.key: entry for entry in tensor.external_data}
    for key, value in (("location", "../secret"), ("length", "999999999")):
        before, place[key].value = place[key].value, value
        onnx.save_model(graph, tmp_path / "model.onnx")
        with pytest.raises(BundleError, match=r"from elsewhere than .*weights.safetensors"):
            read_graph(tmp_path / "model.onnx")
        place[key].value = before
