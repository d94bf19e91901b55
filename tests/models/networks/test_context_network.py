"""Networks that see a tile and what lies around it."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import load_file, save_file

from helpers.model_makers import make_deployed
from sentinode.core.errors import BundleError, DataError, RecipeError, WeightsError
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_network import load_deployed
from sentinode.models.bundle_writer import write_bundle
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.ensemble_assembly import check_joinable
from sentinode.models.extractor import open_extractor
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.context_network import ContextNetwork
from sentinode.models.networks.network_stages import freeze
from sentinode.models.networks.weights import load_weights
from sentinode.models.quantization import quantize_graph
from sentinode.training.bundle_contents import example_tiles

SIDE = 30


def _network(**config: Any) -> ContextNetwork:
    torch.manual_seed(0)
    parsed = ModelConfig.model_validate({"architecture": "cnn3", "context": True, **config})
    network = build_network(parsed, 2, tile_size=SIDE)
    assert isinstance(network, ContextNetwork)
    return network.eval()


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """Untrained, with test-time averaging over D4."""
    plain, info = make_deployed("plain")
    network = _network(test_time="d4")
    deployed = DeployedModel(network, plain.preprocessing, head="softmax", temperature=1.3, test_time="d4")
    model = info.model.model_copy(update={"context": True, "test_time": "d4"})
    seen = info.input.model_copy(update={"context": True})
    about = info.model_copy(update={"model": model, "input": seen, "embedding_size": network.embedding_size})
    return write_bundle(
        tmp_path_factory.mktemp("bundle") / "context", about, deployed, example_tiles=example_tiles(SIDE, context=True),
        reference={"embedding": np.zeros((5, network.embedding_size), np.float16)},
    )  # fmt: skip


@pytest.mark.parametrize("config", [{}, {"architecture": "test_resnet"}, {"pooling": ["mean", "attention"]}])
def test_each_backbone_sees_its_own_channels(config: dict[str, Any]) -> None:
    network = _network(**config)
    images = torch.randn(3, 6, 32, 32)
    logits, embedding = network(images)
    assert logits.shape == (3, 2)
    assert embedding.shape == (3, network.embedding_size)
    half = network.embedding_size // 2
    for channels, own, other in (
        (slice(0, 3), slice(0, half), slice(half, None)),
        (slice(3, 6), slice(half, None), slice(0, half)),
    ):
        changed = images.clone()
        changed[:, channels] += 1
        moved = network(changed)[1]
        assert not torch.allclose(moved[:, own], embedding[:, own])
        assert torch.equal(moved[:, other], embedding[:, other])
    assert not [name for name, _ in network.named_parameters() if "near.classifier" in name or "near.fc" in name]


def test_both_start_from_the_same_weights_and_stages_are_named_apart(tmp_path: Path) -> None:
    torch.manual_seed(5)
    alone = build_network(ModelConfig(architecture="cnn3"), 2, tile_size=SIDE)
    save_file(alone.state_dict(), tmp_path / "cnn3.safetensors")
    network = _network()
    load_weights(network, ModelConfig(architecture="cnn3", context=True, weights=str(tmp_path / "cnn3.safetensors")))
    for name, value in alone.features.state_dict().items():
        for backbone in (network.near, network.wide):
            assert torch.equal(backbone.get_submodule("features").state_dict()[name], value)
    assert network.origin == "cnn3.safetensors"
    freeze(network, ["wide.features.block3", "classifier"])
    learning = {name.rpartition(".")[0] for name, one in network.named_parameters() if one.requires_grad}
    assert learning == {"wide.features.block3.0", "wide.features.block3.1", "classifier"}


@pytest.mark.parametrize("engine", ["openvino", "torch"])
def test_a_bundle_answers_as_the_network(bundle: Bundle, engine: str) -> None:
    tiles = np.random.default_rng(1).integers(0, 256, (5, 2, SIDE, SIDE, 3)).astype(np.uint8)
    scores = open_engine(bundle, engine).predict(tiles)
    with torch.inference_mode():
        probabilities, embedding = load_deployed(bundle)(torch.from_numpy(tiles))
    np.testing.assert_allclose(scores.probabilities, probabilities.numpy(), atol=1e-4)
    np.testing.assert_allclose(scores.embedding, embedding.numpy(), atol=1e-3)
    swapped = open_engine(bundle, engine).predict(np.ascontiguousarray(tiles[:, ::-1]))
    assert np.abs(swapped.probabilities - scores.probabilities).max() > 1e-4


def test_its_facts_count_both_parts(bundle: Bundle) -> None:
    assert bundle.info.pixels_a_tile == 8 * 2 * SIDE**2
    assert '"context": true' in (bundle.folder / "bundle.json").read_text().replace('":true', '": true')
    assert "context" not in make_deployed("plain")[1].model_dump_json()  # bundles without it are as they were


@pytest.mark.parametrize("shape", [(3, SIDE, SIDE, 3), (3, 2, SIDE, SIDE), (2, SIDE, SIDE, 3), (1, 2, 31, 31, 3)])
def test_tiles_without_context_are_refused(bundle: Bundle, shape: tuple[int, ...]) -> None:
    with pytest.raises(DataError, match=r"each tile before its context.*sentinode scan"):
        open_engine(bundle, "openvino").predict(np.zeros(shape, np.uint8))


def test_what_sees_tiles_alone_refuses_it_by_name(bundle: Bundle) -> None:
    said = "bundle plain sees each tile with its context, four times as wide, and "
    with pytest.raises(BundleError, match=f"{said}features are of tiles alone; scan slides"):
        open_extractor(bundle, None, tile_size=SIDE)
    with pytest.raises(BundleError, match=f"{said}INT8 bundles"):
        quantize_graph(bundle, np.zeros((1, SIDE, SIDE, 3), np.uint8))
    with pytest.raises(BundleError, match=f"{said}the members of an ensemble"):
        check_joinable([bundle, bundle], None, None)
    from sentinode.explanation.explainable_model import open_model

    with pytest.raises(BundleError, match=f"{said}maps are of tiles alone"):
        open_model(bundle)
    with pytest.raises(RecipeError, match="features are of tiles alone"):
        open_extractor(None, ModelConfig(architecture="cnn3", context=True), tile_size=SIDE)
    with pytest.raises(WeightsError, match="two backbones were trained for each other"):
        load_weights(
            build_network(ModelConfig(architecture="cnn3"), 2),
            ModelConfig(architecture="cnn3", weights=f"bundle:{bundle.folder}"),
        )


def test_the_stored_weights_are_those_of_both(bundle: Bundle) -> None:
    names = load_file(bundle.weights)
    assert {name.partition(".")[0] for name in names} == {"near", "wide", "classifier"}
