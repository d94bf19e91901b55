"""From a deployed model in torch to one ONNX graph: bytes of tiles in, probabilities and embedding out."""

import warnings

import numpy as np
import torch
from onnx import ModelProto
from onnxscript import optimizer
from torch import nn

from sentinode.core.errors import WeightsError
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.model_config import Storage
from sentinode.models.networks.heads import can_be_halved
from sentinode.models.onnx_graph import INPUT, OUTPUTS, check_graph, halve_weights, set_temperature, tidy

# The first with the current GroupNormalization, Gelu and Reduce*; OpenVINO, onnxruntime and NNCF read it.
_OPSET = 20
_LIMIT = 2**31 - 1  # of a protobuf message, which an ONNX file is


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


def fits(deployed: DeployedModel) -> bool:
    """Whether one ONNX file can hold the model."""
    return bool(sum(4 * tensor.numel() for tensor in deployed.state_dict().values()) <= _LIMIT)


def export_graph(deployed: DeployedModel, storage: Storage) -> ModelProto:
    """Trace `deployed` into an ONNX graph with any number of tiles of its one size, or of images of any if it pools.

    The initialisers have the parameters' names, behind `network.`. Batch norms stay nodes of their own: folded into
    convolutions their weights would no longer be the stored ones, and engines fold them when they load the graph.

    Args:
        deployed: On the CPU; is put into evaluation mode.
        storage: Precision of the stored weights, see `round_weights`.

    Raises:
        WeightsError: The model is too large for one ONNX file.
    """
    if not fits(deployed):
        raise WeightsError(
            "the model has more weights than the 2.1 GB that one ONNX file holds: no bundle can be made of it; engine "
            "torch computes features with it"
        )
    round_weights(deployed.network, storage)
    size = deployed.preprocessing.tile_size
    shape, dynamic = (3, size, size, 3), {0: torch.export.Dim("N")}
    if deployed.pooling:
        shape = (3, 2 * size + 1, 3 * size + 2, 3)
        dynamic |= {1: torch.export.Dim("H", min=size), 2: torch.export.Dim("W", min=size)}
    # Three, because one and two can be taken for constants of the model.
    tiles = torch.from_numpy(np.random.default_rng(0).integers(0, 256, shape, dtype=np.uint8))
    temperature = float(deployed.temperature)
    deployed.temperature.fill_(1.5)  # a division by 1 would be optimised away, and nobody could set it later
    try:
        with warnings.catch_warnings():
            # torch 2.13's exporter uses a torch class that is going away.
            warnings.filterwarnings("ignore", message=".*LeafSpec.*", category=FutureWarning)
            program = torch.onnx.export(
                deployed.eval(),
                (tiles,),
                dynamo=True,
                input_names=[INPUT],
                output_names=list(OUTPUTS),
                dynamic_shapes={"tiles": dynamic},
                opset_version=_OPSET,
                optimize=False,
                verbose=False,
            )
    finally:
        deployed.temperature.fill_(temperature)
    assert program is not None
    optimizer.fold_constants(program.model)
    optimizer.remove_unused_nodes(program.model)
    model = program.model_proto
    tidy(model)
    set_temperature(model, temperature)
    if storage == "float16":
        halve_weights(model)
    check_graph(model)
    return model
