"""Foundation models in the names of other libraries: they compute what they computed, or are refused."""

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import Tensor

from helpers import published_dinov2 as published
from sentinode.core.errors import WeightsError
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.network import Network
from sentinode.models.networks.weights import load_weights

IMAGES = torch.randn(2, 3, published.SIZE, published.SIZE, generator=torch.Generator().manual_seed(7))


def _loaded(state: dict[str, Tensor], path: Path, *, config: bool = True, **arguments: Any) -> Network:
    registers = "reg4_" if any("register_tokens" in name for name in state) else ""
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)
    if config:
        path.with_name("config.json").write_text(json.dumps(published.CONFIG))
    model = ModelConfig(
        architecture=f"vit_giant_patch14_{registers}dinov2",
        weights=str(path),
        pooling=("token", "mean"),
        input_size=published.SIZE,
        arguments={**published.ARGUMENTS, **arguments},
    )
    network = build_network(model, 2).eval()
    load_weights(network, model)
    return network


@pytest.mark.parametrize("registers", [0, 4])
@pytest.mark.parametrize("own_names", [False, True])
def test_published_weights_compute_what_they_did(registers: int, own_names: bool, tmp_path: Path) -> None:
    """Hibou is the one with registers, Midnight that without, OpenMidnight that in DINOv2's own names, as a pickle."""
    state = published.make_state(registers=registers)
    tokens = published.tokens_of(state, IMAGES)
    expected = torch.cat([tokens[:, 0], tokens[:, 1 + registers :].mean(1)], dim=1)
    file = tmp_path / ("teacher.pt" if own_names else "model.safetensors")
    given = published.in_own_names(state) if own_names else state
    network = _loaded(given, file)
    with torch.no_grad():
        logits, embedding = network(IMAGES)
    torch.testing.assert_close(embedding, expected, atol=2e-5, rtol=1e-4)
    assert (logits.shape, embedding.shape) == ((2, 2), (2, 2 * published.WIDTH))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"num_heads": 2}, "want num_heads 4 and not 2; set them in model.arguments"),
        ({"act_layer": "gelu"}, "want act_layer SiLU and not GELU"),
        ({"mlp_layer": "GluMlp"}, "want mlp_layer SwiGLUPacked and not GluMlp"),
        ({"img_size": 28}, r"for images of 21 px, and the network for 28 px; set .*img_size to 21"),
        ({"depth": 3}, r"missing: blocks\.2\.norm1\.weight"),
        ({"depth": 1}, r"unexpected: blocks\.1\.attn"),
        ({"embed_dim": 64}, r"of another shape: cls_token \(1, 1, 32\) instead of \(1, 1, 64\)"),
    ],
)
def test_a_network_that_would_compute_something_else_is_refused(
    arguments: dict[str, Any], message: str, tmp_path: Path
) -> None:
    with pytest.raises(WeightsError, match=message):
        _loaded(published.make_state(registers=4), tmp_path / "model.safetensors", **arguments)


def test_without_a_config_heads_are_those_of_every_dinov2(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match="want num_heads 1 and not 4"):  # 64 numbers a head, and there are 32 in all
        _loaded(published.make_state(registers=0), tmp_path / "model.safetensors", config=False)
