"""Attention rollout (Abnar and Zuidema 2020): how much of each patch reaches what a vision transformer pools."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sentinode.explanation.explainable_model import ExplainableModel, members_of
from sentinode.explanation.projection import joined_tiles, spread, turned_back
from sentinode.explanation.receptive_fields import even_centres
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.networks.network import Network


class AttentionRollout:
    """Attention with residuals, multiplied over the blocks: unsigned, and the same for every class."""

    signed = False

    def maps(self, model: ExplainableModel, tiles: NDArray[np.uint8], _target: int) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 → (N, H, W) float32 ≥ 0: the mean over all looks; a map's sum is at most 1."""
        return np.concatenate([self._of(model, part) for part in model.for_gradients(tiles)])

    def _of(self, model: ExplainableModel, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        members = members_of(model.network())
        total = np.zeros(tiles.shape[:3], np.float32)
        for member in members:
            gathered: list[Tensor] = []
            with model.lock, torch.no_grad(), _watched(member.network, gathered):
                model.network().logits(model.pixels(tiles))
            depth = len(attention_modules(member.network))
            looks = [roll_out(member.network, gathered[at : at + depth]) for at in range(0, len(gathered), depth)]
            total += sum(_on_tiles(member, cells, tiles.shape[1:3]) for cells in looks) / len(looks) / len(members)
        return total


def attention_modules(network: Network) -> list[nn.Module]:
    """The attention of each block, in order; empty where it is not one over all tokens of a grid of patches."""
    grid = getattr(getattr(network, "patch_embed", None), "grid_size", None)
    blocks = getattr(network, "blocks", None)
    if grid is None or blocks is None:
        return []
    found = [getattr(block, "attn", None) for block in blocks]
    usable = [module for module in found if isinstance(module, nn.Module) and hasattr(module, "attn_drop")]
    # Without the flag there is no path in timm on which the attention can be seen.
    return usable if len(usable) == len(found) and all(hasattr(module, "fused_attn") for module in usable) else []


def roll_out(network: Network, attentions: list[Tensor]) -> Tensor:
    """Attention of each block (n, heads, T, T) → (n, h, w): from the patches to the class token, or to their mean."""
    rolled = None
    for attention in attentions:
        mean = attention.mean(1) + torch.eye(attention.shape[-1], device=attention.device)
        mean = mean / mean.sum(-1, keepdim=True)
        rolled = mean if rolled is None else mean @ rolled
    if rolled is None:
        raise ValueError("no attention was gathered")
    prefix = int(getattr(network, "num_prefix_tokens", 0))
    pooled: Any = getattr(network, "global_pool", "token")
    reading = rolled[:, 0] if pooled == "token" and prefix else rolled[:, prefix:].mean(1)
    grid: Any = network.patch_embed
    rows, columns = grid.grid_size
    return reading[:, prefix:].reshape(-1, rows, columns)


def _on_tiles(member: DeployedModel, cells: Tensor, shape: tuple[int, ...]) -> NDArray[np.float32]:
    if member.test_time == "d4":
        cells = turned_back(cells).mean(0)
    side = member.preprocessing.tile_size
    rows, columns = (even_centres(number, side) for number in cells.shape[1:])
    maps = spread(cells.cpu().numpy(), rows, columns, side, side)
    return maps if shape == (side, side) else joined_tiles(maps, shape[0], shape[1])


@contextmanager
def _watched(network: Network, gathered: list[Tensor]) -> Iterator[None]:
    def gather(_module: nn.Module, _inputs: Any, output: Tensor) -> None:
        gathered.append(output)

    drops = [module.get_submodule("attn_drop") for module in attention_modules(network)]
    handles = [drop.register_forward_hook(gather) for drop in drops]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
