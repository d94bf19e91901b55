"""The ONNX graph of a bundle, edited without torch: its temperature, and the precision of its stored weights."""

from pathlib import Path

import numpy as np
import onnx
from onnx import ModelProto, TensorProto, helper, numpy_helper

from sentinode.core.errors import BundleError

INPUT = "tiles"
OUTPUTS = ("probabilities", "embedding")
TEMPERATURE = "temperature"
_HALF_SUFFIX = ".float16"


def read_graph(path: Path) -> ModelProto:
    """Read an ONNX file."""
    return onnx.load(path, load_external_data=False)


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
    onnx.checker.check_model(model)


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


def widen_weights(model: ModelProto) -> None:
    """Undo `halve_weights`, for tools that look for weights in float32."""
    casts = {node.input[0]: node for node in model.graph.node if node.input and node.input[0].endswith(_HALF_SUFFIX)}
    for tensor in model.graph.initializer:
        if tensor.name in casts:
            values = numpy_helper.to_array(tensor).astype(np.float32)
            tensor.CopyFrom(numpy_helper.from_array(values, casts[tensor.name].output[0]))
    for node in casts.values():
        model.graph.node.remove(node)
