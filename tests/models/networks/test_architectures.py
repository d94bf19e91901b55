import copy
from pathlib import Path
from typing import Any

import pytest
import torch

from sentinode.core.errors import RecipeError, WeightsError
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network

CASES = {
    "squeezenet1_1": {"pooling": ["mean", "centre-max"]},
    "cnn3": {"dropout": 0.2},
    "resnet18": {},
    "test_convnext": {"dropout": 0.1},
    "test_vit": {},
}


@pytest.mark.parametrize("name", CASES)
def test_a_network_gives_logits_of_the_embedding(name: str) -> None:
    config = ModelConfig.model_validate({"architecture": name, **CASES[name]})
    network = build_network(config, 3, tile_size=64).eval()
    images = torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        logits, embedding = network(images)
        head = network.get_submodule(network.head_name)
        assert torch.equal(head(embedding), logits)
    assert logits.shape == (2, 3)
    assert embedding.shape == (2, network.embedding_size)


@pytest.mark.parametrize("name", ["test_resnet", "test_convnext", "test_vit"])
def test_a_timm_network_is_the_model_that_timm_makes(name: str) -> None:
    import timm

    network = build_network(ModelConfig(architecture=name), 3, tile_size=160).eval()
    original = timm.create_model(name, num_classes=3).eval()
    original.load_state_dict(network.state_dict())
    images = torch.randn(1, 3, 160, 160, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        torch.testing.assert_close(network(images)[0], original(images))


def test_a_deep_copy_is_independent() -> None:
    network = build_network(ModelConfig(architecture="resnet18"), 2).eval()
    twin = copy.deepcopy(network)
    images = torch.randn(1, 3, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before = twin(images)[0]
        for parameter in network.parameters():
            parameter.zero_()
        assert torch.equal(twin(images)[0], before)
        assert not torch.equal(network(images)[0], before)


def test_squeezenet_without_the_stem_pooling_has_larger_maps() -> None:
    images = torch.zeros(1, 3, 96, 96)
    sides = []
    for stem_pool in (True, False):
        config = ModelConfig(architecture="squeezenet1_1", arguments={"stem_pool": stem_pool})
        features = build_network(config, 2).get_submodule("features")
        sides.append(features(images).shape[-1])
    assert sides == [5, 11]


@pytest.mark.parametrize("size", [8, 28, 97])
def test_cnn3_takes_any_size_from_8(size: int) -> None:
    logits, _ = build_network(ModelConfig(architecture="cnn3"), 9).eval()(torch.zeros(2, 3, size, size))
    assert logits.shape == (2, 9)


def test_an_unknown_architecture_is_an_error_with_near_names() -> None:
    with pytest.raises(WeightsError, match=r"no architecture 'resnet81'.*resnet18"):
        build_network(ModelConfig(architecture="resnet81"), 2)


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"architecture": "squeezenet1_1", "arguments": {"stem": 1}}, "'model.arguments.stem'.*takes: stem_pool"),
        (
            {"architecture": "squeezenet1_1", "arguments": {"taps": [4, 5]}},
            r"taps = \[4, 5\].*give some of 3, 4, 6, 7",
        ),
        ({"architecture": "squeezenet1_1", "arguments": {"taps": [7, 4]}}, r"taps = \[7, 4\].*in this order"),
        ({"architecture": "squeezenet1_1", "arguments": {"taps": []}}, r"taps = \[\]"),
        ({"architecture": "squeezenet1_1", "arguments": {"stem_pool": "no"}}, "arguments.stem_pool = 'no'"),
        ({"architecture": "cnn3", "arguments": {"width": 9}}, "takes: none"),
        ({"architecture": "resnet18", "arguments": {"stem": 1}}, "unexpected keyword argument 'stem'"),
        (
            {"architecture": "test_vit", "pooling": ["max"], "arguments": {"global_pool": "avg", "img_size": 64}},
            "does not end with",
        ),
        ({"architecture": "test_resnet", "pooling": ["token", "mean"]}, "has no class token"),
        ({"architecture": "cnn3", "pooling": ["token"]}, "only vision transformers have a class token"),
    ],
)
def test_an_argument_that_does_not_suit_is_an_error(values: dict[str, object], message: str) -> None:
    with pytest.raises(RecipeError, match=message):
        build_network(ModelConfig.model_validate(values), 2)


def test_a_head_of_several_parts_is_refused() -> None:
    with pytest.raises(WeightsError, match="several parts"):
        build_network(ModelConfig(architecture="deit_tiny_distilled_patch16_224"), 2)


@pytest.mark.parametrize("arguments", [{}, {"reg_tokens": 4, "no_embed_class": True}])
def test_a_vision_transformer_pools_its_tokens(arguments: dict[str, Any]) -> None:
    pooling = ("token", "mean", "max", "centre")
    config = ModelConfig(architecture="test_vit", pooling=pooling, input_size=64, arguments=arguments)
    network = build_network(config, 2, tile_size=64).eval()
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(0))
    with torch.inference_mode():
        _, embedding = network(images)
        tokens = network.forward_features(images)  # type: ignore[operator]
    patches = tokens[:, tokens.shape[1] - 16 :]  # (2, 4 × 4, C)
    centre = patches.reshape(2, 4, 4, -1)[:, 1:3, 1:3].mean((1, 2))
    torch.testing.assert_close(embedding, torch.cat([tokens[:, 0], patches.mean(1), patches.amax(1), centre], dim=1))
    assert network.embedding_size == embedding.shape[1]


def test_squeezenet_pools_the_maps_that_are_tapped() -> None:
    config = ModelConfig(architecture="squeezenet1_1", pooling=("mean", "max"), arguments={"taps": [4, 7]})
    network = build_network(config, 2).eval()
    images = torch.rand(2, 3, 40, 40)
    with torch.inference_mode():
        logits, embedding = network(images)
        features = list(network.get_submodule("features").children())
        early = torch.nn.Sequential(*features[:5])(images)
        late = torch.nn.Sequential(*features[5:8])(early)
        answer = network.get_submodule("classifier")(embedding)
    expected = [early.mean((2, 3)), early.amax((2, 3)), late.mean((2, 3)), late.amax((2, 3))]
    torch.testing.assert_close(embedding, torch.cat(expected, dim=1))
    assert embedding.shape == (2, network.embedding_size) == (2, 2 * (128 + 256))
    torch.testing.assert_close(logits, answer)


def test_squeezenet_has_the_names_of_the_public_weights(shared_data: Path) -> None:
    from safetensors import safe_open

    with safe_open(shared_data / "weights" / "squeezenet1_1-imagenet-features.safetensors", "np") as file:
        names = set(file.keys())
    network = build_network(ModelConfig(architecture="squeezenet1_1"), 2)
    assert {name for name in network.state_dict() if not name.startswith("classifier.")} == names
