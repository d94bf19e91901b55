"""DINOv2 under other names: what the transformers library and DINOv2's own code save, as timm's vision transformer.

Oquab et al. 2023 (arXiv:2304.07193), with registers Darcet et al. 2023 (arXiv:2309.16588). Hibou and Midnight are
published in the first form, OpenMidnight in the second; the code that comes with them is not needed, nor run.

All three compute the same, but for where the class token gets its position. timm's networks with registers have
positions of patches alone: there the class token's is a constant, which is added to the token itself.
"""

import math
import re
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from sentinode.core.errors import WeightsError
from sentinode.models.networks.network import Network

_TRANSFORMERS_MARK = "embeddings.patch_embeddings.projection.weight"
_OWN_MARKS = ("register_tokens", "blocks.0.mlp.w12.weight")

_NAMES = {
    "embeddings.cls_token": "cls_token",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.register_tokens": "reg_token",
    "register_tokens": "reg_token",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
    "layernorm": "norm",
}
_IN_BLOCK = {
    "attention.output.dense": "attn.proj",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
    "mlp.weights_in": "mlp.fc1",
    "mlp.weights_out": "mlp.fc2",
    "mlp.w12": "mlp.fc1",
    "mlp.w3": "mlp.fc2",
}
_BLOCK = re.compile(r"(?:encoder\.layer|blocks)\.(\d+)\.(.+?)(\.weight|\.bias)?")
_PROJECTIONS = tuple(f"attention.attention.{part}" for part in ("query", "key", "value"))
# Of the teacher's masks, which play no part once it is trained.
_UNUSED = {"embeddings.mask_token", "mask_token"}
_HEAD_WIDTH = 64  # of an attention head, in every DINOv2 that was published


def is_dinov2(state: Mapping[str, Tensor]) -> bool:
    """Whether a state dict has the names of the transformers library's DINOv2, or those of DINOv2's own code."""
    return _TRANSFORMERS_MARK in state or any(mark in state for mark in _OWN_MARKS)


def timm_names(state: Mapping[str, Tensor], network: Network, *, name: str) -> dict[str, Tensor]:
    """A DINOv2's tensors under timm's names; one that has no name there keeps its own, to be found by who loads it.

    Args:
        state: See `is_dinov2`.
        network: What they are for, which decides where the class token's position goes.
        name: Of the weights, for messages.

    Raises:
        WeightsError: Their positions are of images of another size. They are not interpolated: the libraries differ in
            how, and a model that was trained at one size is asked at that size.
    """
    found = {_renamed(name): value for name, value in state.items() if name not in _UNUSED}
    for query in [key for key in found if _PROJECTIONS[0] in key]:
        parts = [query.replace(_PROJECTIONS[0], part) for part in _PROJECTIONS]
        if all(part in found for part in parts):
            found[query.replace(_PROJECTIONS[0], "attn.qkv")] = torch.cat([found.pop(part) for part in parts])
    model: Any = network
    if hasattr(model, "patch_embed") and {"pos_embed", "cls_token"} <= found.keys():
        _place(found, model, name)
    return found


def _place(found: dict[str, Tensor], model: Any, name: str) -> None:
    """Positions as the network has them, with the class token's apart where it has none of its own."""
    positions = found["pos_embed"]
    side, (own, _) = math.isqrt(positions.shape[1] - 1), model.patch_embed.grid_size
    if side != own:
        size = side * model.patch_embed.patch_size[0]
        raise WeightsError(
            f"the weights {name} are for images of {size} px, and the network for {own * size // side} px; set "
            f"model.input_size and model.arguments.img_size to {size}"
        )
    if model.no_embed_class:
        found["cls_token"] = found["cls_token"] + positions[:, :1]
        found["pos_embed"] = positions[:, 1:].contiguous()


def check_structure(network: Network, config: Mapping[str, Any], *, name: str) -> None:
    """Refuse a network that would take a DINOv2's tensors and compute something else: the shapes alone don't tell.

    Args:
        network: Of timm, into which the weights went.
        config: What `config.json` says beside them in the transformers library's form; empty: what every published
            DINOv2 has.
        name: Of the weights, for messages.

    Raises:
        WeightsError: It has other heads of attention, another gate, activation or normalisation than they were trained
            with; the message says which.
    """
    model: Any = network
    block = model.blocks[0]
    gated = config.get("use_swiglu_ffn", hasattr(block.mlp, "gate_last"))
    wanted = {
        "num_heads": (config.get("num_attention_heads", max(1, model.embed_dim // _HEAD_WIDTH)), block.attn.num_heads),
        "mlp_layer": ("SwiGLUPacked" if gated else "Mlp", _kind_of(block.mlp)),
        "act_layer": ("SiLU" if gated else "GELU", type(block.mlp.act).__name__),
        "norm_eps": (config.get("layer_norm_eps", 1e-6), block.norm1.eps),
    }
    wrong = [f"{key} {theirs} and not {ours}" for key, (theirs, ours) in wanted.items() if theirs != ours]
    if wrong:
        raise WeightsError(f"the weights {name} want {', '.join(wrong)}; set them in model.arguments")


def _renamed(name: str) -> str:
    if found := _BLOCK.fullmatch(name):
        number, inside, ending = found.groups()
        return f"blocks.{number}.{_IN_BLOCK.get(inside, inside)}{ending or ''}"
    stem, dot, last = name.rpartition(".")
    return _NAMES.get(name) or (f"{_NAMES[stem]}{dot}{last}" if stem in _NAMES else name)


def _kind_of(mlp: nn.Module) -> str:
    # timm's SwiGLUPacked is a GluMlp whose gate comes first.
    return "SwiGLUPacked" if getattr(mlp, "gate_last", None) is False else type(mlp).__name__
