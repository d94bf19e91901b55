"""From a deployed model in torch to one ONNX graph: bytes of tiles in, probabilities and embedding out."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from onnx import ModelProto
from onnxscript import optimizer
from torch import Tensor, nn

from sentinode.core.errors import WeightsError
from sentinode.models.bundle_info import GRAPH_LIMIT
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.model_config import Storage
from sentinode.models.networks.heads import can_be_halved
from sentinode.models.onnx_graph import INPUT, OUTPUTS, check_graph, halve_weights, set_temperature, tidy

# The first with the current GroupNormalization, Gelu and Reduce*; OpenVINO, onnxruntime and NNCF read it.
_OPSET = 20


def round_weights(network: nn.Module, storage: Storage) -> None:
    """Round the weights to the precision that they will be stored in; a second time changes nothing.

    Which these are, `can_be_halved` says.

    Raises:
        WeightsError: A weight is beyond float16's range.
    """
    if storage == "float32":
        return
    with torch.no_grad():
        state = network.state_dict()
        for name in sorted(can_be_halved(network)):
            rounded = state[name].half().to(state[name].dtype)
            if not torch.isfinite(rounded).all():
                raise WeightsError(f'{name} has weights beyond float16\'s range; set model.storage = "float32"')
            state[name].copy_(rounded)


def fits(deployed: DeployedModel, limit: int = GRAPH_LIMIT) -> bool:
    """Whether a graph of so many bytes can hold the model with its weights."""
    return bool(sum(4 * tensor.numel() for tensor in deployed.state_dict().values()) <= limit)


def export_graph(deployed: DeployedModel, storage: Storage) -> ModelProto:
    """Trace `deployed` into an ONNX graph with any number of tiles of its one size, or of images of any if it pools.

    The initialisers have the parameters' names, behind `network.`. Batch norms stay nodes of their own: folded into
    convolutions their weights would no longer be the stored ones, and engines fold them when they load the graph.

    A graph that does not `fits` is whole in memory, and has to be saved with its weights beside it.

    Args:
        deployed: On the CPU; is put into evaluation mode.
        storage: Precision of the stored weights, see `round_weights`.
    """
    round_weights(deployed.network, storage)
    size = deployed.preprocessing.tile_size
    pair = (2,) if deployed.network.sees_context else ()
    shape, dynamic = (3, *pair, size, size, 3), {0: torch.export.Dim("N")}
    if deployed.pooling:
        shape = (3, 2 * size + 1, 3 * size + 2, 3)
        dynamic |= {1: torch.export.Dim("H", min=size), 2: torch.export.Dim("W", min=size)}
    # Three, because one and two can be taken for constants of the model.
    tiles = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    temperature = float(deployed.temperature)
    deployed.temperature.fill_(1.5)  # a division by 1 would be optimised away, and nobody could set it later
    try:
        model = trace(deployed.eval(), (tiles,), inputs=(INPUT,), outputs=OUTPUTS, dynamic={"tiles": dynamic})
    finally:
        deployed.temperature.fill_(temperature)
    set_temperature(model, temperature)
    if storage == "float16":
        halve_weights(model)
    check_graph(model)
    return model


def trace(
    module: nn.Module,
    arguments: tuple[Tensor, ...],
    *,
    inputs: Sequence[str],
    outputs: Sequence[str],
    dynamic: Mapping[str, Any],
) -> ModelProto:
    """A module in evaluation mode as an ONNX graph with nothing of this machine in it.

    Args:
        module: On the CPU.
        arguments: What it is called with once; sizes of one and two can be taken for constants.
        inputs: Their names in the graph.
        outputs: Names of what it gives.
        dynamic: For each argument of `forward`, which of its sizes may differ.
    """
    with warnings.catch_warnings():
        # torch 2.13's exporter uses a torch class that is going away.
        warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
        program = torch.onnx.export(
            module,
            arguments,
            dynamo=True,
            input_names=list(inputs),
            output_names=list(outputs),
            dynamic_shapes=dict(dynamic),
            opset_version=_OPSET,
            optimize=False,
            verbose=False,
        )
    assert program is not None
    # A linear layer's weight stays as it is stored, with a node that transposes it: folded it would be a second copy.
    optimizer.fold_constants(program.model, should_fold=lambda node: False if node.op_type == "Transpose" else None)
    optimizer.remove_unused_nodes(program.model)
    model: ModelProto = program.model_proto
    tidy(model)
    return model
