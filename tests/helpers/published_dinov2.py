"""A small DINOv2 with random weights in the published names, and what it computes, written down without any library.

Names and order of operations are those of the transformers library's `Dinov2Model`, in which Hibou and Midnight are
published; the fields of `CONFIG` those of histai/hibou-b's `config.json`.
"""

from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

WIDTH, DEPTH, HEADS, PATCH, SIDE = 32, 2, 4, 7, 3
UNITS = (int(4 * WIDTH * 2 / 3) + 7) // 8 * 8  # of the gated layer, as DINOv2 rounds them
SIZE = PATCH * SIDE
CONFIG = {
    "hidden_size": WIDTH, "image_size": SIZE, "layer_norm_eps": 1e-6, "mlp_ratio": 4, "num_attention_heads": HEADS,
    "num_hidden_layers": DEPTH, "patch_size": PATCH, "use_swiglu_ffn": True,
}  # fmt: skip
ARGUMENTS: dict[str, Any] = {
    "embed_dim": WIDTH, "depth": DEPTH, "num_heads": HEADS, "patch_size": PATCH, "img_size": SIZE,
    "mlp_ratio": 2 * UNITS / WIDTH,
}  # fmt: skip
"""What makes timm's `vit_giant_patch14_dinov2` and `vit_giant_patch14_reg4_dinov2` as small."""

_OWN_NAMES = {
    "embeddings.cls_token": "cls_token",
    "embeddings.mask_token": "mask_token",
    "embeddings.register_tokens": "register_tokens",
    "embeddings.position_embeddings": "pos_embed",
    "embeddings.patch_embeddings.projection": "patch_embed.proj",
    "encoder.layer": "blocks",
    "layernorm": "norm",
    "attention.output.dense": "attn.proj",
    "layer_scale1.lambda1": "ls1.gamma",
    "layer_scale2.lambda1": "ls2.gamma",
    "mlp.weights_in": "mlp.w12",
    "mlp.weights_out": "mlp.w3",
}


def make_state(*, registers: int) -> dict[str, Tensor]:
    """Random tensors in the names of the transformers library."""
    random = torch.Generator().manual_seed(registers)
    shapes: dict[str, tuple[int, ...]] = {
        "embeddings.cls_token": (1, 1, WIDTH),
        "embeddings.mask_token": (1, WIDTH),
        "embeddings.position_embeddings": (1, 1 + SIDE**2, WIDTH),
        "embeddings.patch_embeddings.projection.weight": (WIDTH, 3, PATCH, PATCH),
        "embeddings.patch_embeddings.projection.bias": (WIDTH,),
        "layernorm.weight": (WIDTH,),
        "layernorm.bias": (WIDTH,),
    }
    if registers:
        shapes["embeddings.register_tokens"] = (1, registers, WIDTH)
    square = ("attention.attention.query", "attention.attention.key", "attention.attention.value")
    layers = dict.fromkeys((*square, "attention.output.dense"), (WIDTH, WIDTH))
    layers |= {"mlp.weights_in": (2 * UNITS, WIDTH), "mlp.weights_out": (WIDTH, UNITS)}
    for block in (f"encoder.layer.{number}." for number in range(DEPTH)):
        for name, shape in layers.items():
            shapes |= {f"{block}{name}.weight": shape, f"{block}{name}.bias": shape[:1]}
        for name in ("norm1.weight", "norm1.bias", "norm2.weight", "norm2.bias"):
            shapes[block + name] = (WIDTH,)
        shapes |= {f"{block}layer_scale{number}.lambda1": (WIDTH,) for number in (1, 2)}
    return {name: torch.randn(shape, generator=random) * 0.4 for name, shape in shapes.items()}


def in_own_names(state: dict[str, Tensor]) -> dict[str, Tensor]:
    """The same as DINOv2's own code saves it, which has one tensor for query, key and value."""
    found = {}
    for name, value in state.items():
        renamed = name
        for theirs, own in _OWN_NAMES.items():
            renamed = renamed.replace(theirs, own)
        if ".query." in name:
            value = torch.cat([state[name.replace("query", part)] for part in ("query", "key", "value")])
            renamed = renamed.replace("attention.attention.query", "attn.qkv")
        if ".key." not in name and ".value." not in name:
            found[renamed] = value
    return found


def tokens_of(state: dict[str, Tensor], images: Tensor) -> Tensor:
    """(N, 3, SIZE, SIZE) normalised → (N, 1 + registers + SIDE², WIDTH): class token, registers, patches."""
    stem = "embeddings.patch_embeddings.projection"
    patches = functional.conv2d(images, state[f"{stem}.weight"], state[f"{stem}.bias"], stride=PATCH)
    tokens = torch.cat([state["embeddings.cls_token"].expand(len(images), 1, WIDTH), patches.flatten(2).mT], dim=1)
    tokens = tokens + state["embeddings.position_embeddings"]
    if (registers := state.get("embeddings.register_tokens")) is not None:
        tokens = torch.cat([tokens[:, :1], registers.expand(len(images), -1, WIDTH), tokens[:, 1:]], dim=1)
    for block in (f"encoder.layer.{number}." for number in range(DEPTH)):
        tokens = tokens + _attended(state, block, _normed(state, f"{block}norm1", tokens))
        first, second = _linear(state, f"{block}mlp.weights_in", _normed(state, f"{block}norm2", tokens)).chunk(2, -1)
        gated = _linear(state, f"{block}mlp.weights_out", first * torch.sigmoid(first) * second)
        tokens = tokens + state[f"{block}layer_scale2.lambda1"] * gated
    return _normed(state, "layernorm", tokens)


def _attended(state: dict[str, Tensor], block: str, tokens: Tensor) -> Tensor:
    query, key, value = (
        _linear(state, f"{block}attention.attention.{part}", tokens).view(*tokens.shape[:2], HEADS, -1).transpose(1, 2)
        for part in ("query", "key", "value")
    )
    weights = (query @ key.mT / (WIDTH // HEADS) ** 0.5).softmax(-1)
    joined = _linear(state, f"{block}attention.output.dense", (weights @ value).transpose(1, 2).flatten(2))
    return state[f"{block}layer_scale1.lambda1"] * joined


def _linear(state: dict[str, Tensor], name: str, values: Tensor) -> Tensor:
    return values @ state[f"{name}.weight"].T + state[f"{name}.bias"]


def _normed(state: dict[str, Tensor], name: str, tokens: Tensor) -> Tensor:
    centred = tokens - tokens.mean(-1, keepdim=True)
    spread = (centred.square().mean(-1, keepdim=True) + 1e-6).sqrt()
    return centred / spread * state[f"{name}.weight"] + state[f"{name}.bias"]
