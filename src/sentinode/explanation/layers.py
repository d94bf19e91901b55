"""The maps inside a network: which layers have one, and which is looked at by default."""

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from sentinode.core.errors import SentinodeError
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.networks.network import Network, PooledNetwork

FINER = 2
"""Sizes of maps beside the last one that LayerCAM takes."""


def layers_of(member: DeployedModel) -> dict[str, tuple[int, int]]:
    """Layers whose output is a map, in the order in which they are done, and its rows and columns."""
    network, found = member.network, dict[str, tuple[int, int]]()

    def note(name: str) -> Any:
        def hook(_module: nn.Module, _inputs: Any, output: Any) -> None:
            maps = as_maps(output, network)
            if maps is not None and maps.shape[2] * maps.shape[3] > 1:
                found[name] = (maps.shape[2], maps.shape[3])

        return hook

    handles = [module.register_forward_hook(note(name)) for name, module in network.named_modules() if name]
    size = member.preprocessing.input_size
    try:
        with torch.no_grad():
            network(torch.zeros(1, 3, size, size, device=member.temperature.device))
    finally:
        for handle in handles:
            handle.remove()
    return found


def as_maps(output: Any, network: Network) -> Tensor | None:
    """A layer's output as (n, C, h, w): of a convolution, or the patches' tokens of a transformer; None of others."""
    if not isinstance(output, Tensor):
        return None
    grid = getattr(getattr(network, "patch_embed", None), "grid_size", None)
    if output.ndim == 4:
        if grid is not None and hasattr(network, "blocks") and tuple(output.shape[2:]) != tuple(grid):
            return None  # attention of tokens to tokens
        return output.permute(0, 3, 1, 2) if getattr(network, "output_fmt", "NCHW") == "NHWC" else output
    if output.ndim != 3 or grid is None:
        return None
    rows, columns = grid
    prefix = output.shape[1] - rows * columns
    if prefix != getattr(network, "num_prefix_tokens", 0):
        return None
    return output[:, prefix:].transpose(1, 2).reshape(output.shape[0], -1, rows, columns)


def find_layer(member: DeployedModel, name: str | None) -> str:
    """The layer called `name`, or the architecture's default.

    Raises:
        SentinodeError: There is no such layer with a map; the message lists those there are.
    """
    there = layers_of(member)
    if name is None:
        return default_layer(member, there)
    if name not in there:
        shown = [layer for layer in there if layer.count(".") <= 1]
        raise SentinodeError(
            f"there is no layer {name!r} with a map in {type(member.network).__name__}; "
            f"choose one of {', '.join(shown) or 'none: use occlusion or lime'}, or a module inside"
        )
    return name


def default_layer(member: DeployedModel, there: dict[str, tuple[int, int]]) -> str:
    """The layer that is looked at when none is named.

    Raises:
        SentinodeError: None has a map of more than one cell.
    """
    network = member.network
    if not there:
        raise SentinodeError(f"no layer of {type(network).__name__} has a map at this tile size; use occlusion or lime")
    if isinstance(network, PooledNetwork):
        return pooled_layers(network)[-1]
    if tokens := [name for name in there if name.startswith("blocks.") and name.endswith(".norm1")]:
        return tokens[-1]  # after it, patches reach the class token no more
    return list(there)[-1]


def finer_layers(member: DeployedModel) -> list[str]:
    """The last layer of each of the next larger sizes of map, at most FINER, the finest first; empty: all are alike."""
    there = layers_of(member)
    sizes = {shape: name for name, shape in there.items()}  # of each size the last one
    # The map that is pooled may be of one cell, on a small tile: then every map is finer.
    cells = int(np.prod(there.get(default_layer(member, there), (1, 1))))
    larger = sorted((shape for shape in sizes if np.prod(shape) > cells), key=lambda shape: int(np.prod(shape)))
    return [sizes[shape] for shape in reversed(larger[:FINER])]


def pooled_layers(network: PooledNetwork) -> list[str]:
    """The layers whose maps are pooled into the embedding, in order."""
    places = list(network.features._modules)
    return [f"features.{places[tap]}" for tap in network.taps]
