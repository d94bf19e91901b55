"""The ONNX graph of a bundle, edited without torch: its temperature, and where and how its weights are stored."""

import json
import mmap
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from google.protobuf.message import DecodeError
from onnx import ModelProto, StringStringEntryProto, TensorProto, helper, numpy_helper

from sentinode.core.errors import BundleError
from sentinode.core.files import sha256_of_file
from sentinode.models.bundle_info import GRAPH_LIMIT, WEIGHTS_FILE

INPUT = "tiles"
OUTPUTS = ("probabilities", "embedding")
TEMPERATURE = "temperature"
_HALF_SUFFIX = ".float16"
_LEAST_SHARED = 1024  # bytes; a reference costs about a hundred itself


def read_graph(path: Path) -> ModelProto:
    """Read a bundle's ONNX file, whole: with the weights that it takes from the file beside it.

    Raises:
        BundleError: It is damaged, or refers to another file, or to more than there is.
    """
    model = _load(path)
    weights = path.parent / WEIGHTS_FILE
    # Not left to onnx, which refuses files with links: installers and caches of hubs make such.
    content = weights.read_bytes() if any(map(_is_beside, model.graph.initializer)) else b""
    for tensor in filter(_is_beside, model.graph.initializer):
        place = _place(tensor)
        start, length = (int(text) if (text := place.get(key, "0")).isdecimal() else -1 for key in ("offset", "length"))
        if place.get("location") != WEIGHTS_FILE or min(start, length) < 0 or start + length > len(content):
            raise BundleError(f"{path} takes {tensor.name} from elsewhere than {weights}; get the bundle again")
        tensor.raw_data = content[start : start + length]
        tensor.ClearField("external_data")
        tensor.ClearField("data_location")
    return model


def model_bytes(path: Path) -> int:
    """Bytes of a bundle's ONNX file with those that it takes from the file beside it."""
    tensors = _load(path).graph.initializer
    return path.stat().st_size + sum(int(_place(tensor).get("length", 0)) for tensor in filter(_is_beside, tensors))


def _load(path: Path) -> ModelProto:
    try:
        return onnx.load(path, load_external_data=False)
    except DecodeError as error:
        raise BundleError(f"{path} is no ONNX file that can be read ({error}); get the bundle again") from error


def _is_beside(tensor: TensorProto) -> bool:
    return bool(tensor.data_location == TensorProto.EXTERNAL)


def _place(tensor: TensorProto) -> dict[str, str]:
    return {entry.key: entry.value for entry in tensor.external_data}


def tidy(model: ModelProto) -> None:
    """Take out what the exporter notes for debugging: it has the paths of the machine's source files, and is large."""
    del model.metadata_props[:], model.graph.metadata_props[:], model.graph.value_info[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.ClearField("doc_string")
    for tensor in model.graph.initializer:
        tensor.ClearField("doc_string")


def check_graph(model: ModelProto) -> None:
    """Refuse a graph without the input, the outputs and the temperature that a bundle's graph has.

    Raises:
        BundleError: One of them is missing.
    """
    names = [value.name for value in model.graph.input], [value.name for value in model.graph.output]
    if names != ([INPUT], list(OUTPUTS)):
        raise BundleError(
            f"the graph has inputs {names[0]} and outputs {names[1]}, not {INPUT} and {', '.join(OUTPUTS)}"
        )
    if TEMPERATURE not in {tensor.name for tensor in model.graph.initializer}:
        raise BundleError("the graph has no temperature; export it again")


def set_temperature(model: ModelProto, temperature: float) -> None:
    """Replace the number that divides the logits."""
    tensor = next(tensor for tensor in model.graph.initializer if tensor.name == TEMPERATURE)
    tensor.CopyFrom(numpy_helper.from_array(np.asarray(temperature, dtype=np.float32), TEMPERATURE))


def halve_weights(model: ModelProto) -> None:
    """Store in float16 what float16 holds exactly, followed by a cast to float32: half the file, the same numbers.

    Vectors and scalars (biases, statistics) stay as they are: they are small, and some are beyond float16's range.
    """
    casts = []
    for tensor in model.graph.initializer:
        if tensor.data_type != TensorProto.FLOAT or len(tensor.dims) < 2:
            continue
        values = numpy_helper.to_array(tensor)
        with np.errstate(over="ignore"):  # becomes infinite, which is not equal
            half = values.astype(np.float16)
        if not np.array_equal(half.astype(np.float32), values):
            continue
        name = tensor.name
        tensor.CopyFrom(numpy_helper.from_array(half, name + _HALF_SUFFIX))
        casts.append(helper.make_node("Cast", [tensor.name], [name], name=f"{name}.cast", to=TensorProto.FLOAT))
    nodes = [*casts, *model.graph.node]
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def save_beside_weights(model: ModelProto, path: Path, *, limit: int = GRAPH_LIMIT) -> None:
    """Save a graph in the folder of a bundle's weights, taking from them what they hold, and check the files.

    Args:
        model: Changed in place.
        path: The ONNX file; the weights are beside it.
        limit: The most bytes of the file.

    Raises:
        BundleError: What the graph has beside the weights is more than one file holds.
    """
    refer_to_weights(model, path.with_name(WEIGHTS_FILE))
    own = sum(len(tensor.raw_data) for tensor in model.graph.initializer)
    if own > limit:
        raise BundleError(
            f"the graph holds {own / 1e9:.1f} GB that are not in {WEIGHTS_FILE}, and one ONNX file holds "
            f"{limit / 1e9:.1f} GB; choose a smaller network"
        )
    onnx.save_model(model, path)
    onnx.checker.check_model(str(path))  # by its name: a model in memory is checked as one message


def refer_to_weights(model: ModelProto, weights: Path) -> None:
    """Let the graph take its weights out of a bundle's safetensors file, which holds the same bytes: half the bundle.

    A tensor goes by its name, behind `network.`, and only if every byte is the same. What is small stays in the graph.
    The file's SHA-256 is noted in the graph, so that graphs of other weights are other files.

    Args:
        model: Changed in place; to be saved in the folder of `weights`.
        weights: The safetensors file.
    """
    shared = False
    with weights.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        length = int.from_bytes(content[:8], "little")
        header: dict[str, Any] = json.loads(content[8 : 8 + length])
        for tensor in model.graph.initializer:
            entry = header.get(tensor.name.removeprefix("network.").removesuffix(_HALF_SUFFIX))
            if entry is None or len(tensor.raw_data) < _LEAST_SHARED:
                continue
            start, end = (8 + length + offset for offset in entry["data_offsets"])
            if content[start:end] != tensor.raw_data:
                continue
            _refer(tensor, {"location": weights.name, "offset": start, "length": end - start})
            shared = True
    if shared:
        digest = sha256_of_file(weights)
        model.metadata_props.append(StringStringEntryProto(key="weights_sha256", value=digest))


def _refer(tensor: TensorProto, place: Mapping[str, Any]) -> None:
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.extend(StringStringEntryProto(key=key, value=str(value)) for key, value in place.items())


def fold_transposes(model: ModelProto) -> None:
    """Transpose the weights of linear layers where the graph does, for tools that look for them right at the layer."""
    weights = {tensor.name: tensor for tensor in model.graph.initializer}
    folded = [node for node in model.graph.node if node.op_type == "Transpose" and node.input[0] in weights]
    for node in folded:
        axes = next((attribute.ints for attribute in node.attribute if attribute.name == "perm"), None)
        values = numpy_helper.to_array(weights[node.input[0]]).transpose(axes)
        model.graph.initializer.append(numpy_helper.from_array(np.ascontiguousarray(values), node.output[0]))
        model.graph.node.remove(node)
    used = {name for node in model.graph.node for name in node.input}
    for name in {node.input[0] for node in folded} - used:
        model.graph.initializer.remove(weights[name])


def widen_weights(model: ModelProto) -> None:
    """Undo `halve_weights`, for tools that look for weights in float32."""
    casts = {node.input[0]: node for node in model.graph.node if node.input and node.input[0].endswith(_HALF_SUFFIX)}
    for tensor in model.graph.initializer:
        if tensor.name in casts:
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, casts[tensor.name].output[0]))
    for node in casts.values():
        model.graph.node.remove(node)
