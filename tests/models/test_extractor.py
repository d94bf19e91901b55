"""Frozen networks: a bundle's, or an architecture's with weights."""

import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from sentinode.core.errors import BundleError, DataError, RecipeError, SentinodeError
from sentinode.models.bundle import Bundle
from sentinode.models.engines.engine_factory import AGREEMENT, engine_of, open_engine
from sentinode.models.extractor import Extractor, open_extractor
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network

BundleOf = Callable[[str], Bundle]
SIDE = 30


def of(architecture: str = "cnn3", *, engine: str = "openvino", tile_size: int = SIDE, **values: Any) -> Extractor:
    config = ModelConfig(architecture=architecture, **values)
    return open_extractor(None, config, tile_size=tile_size, engine=engine, threads=1)


def test_a_bundle_embeds_and_scores_as_its_engine_does(bundle_of: BundleOf, tiles: np.ndarray) -> None:
    bundle = bundle_of("plain")
    extractor = open_extractor(bundle, None, tile_size=SIDE, engine="openvino", threads=1)
    expected = open_engine(bundle, "openvino", threads=1).predict(tiles)
    found = extractor.embed(tiles)
    np.testing.assert_array_equal(found.embedding, expected.embedding)
    np.testing.assert_array_equal(found.probabilities, expected.probabilities)
    assert extractor.score_names == bundle.info.classes.names
    assert found.embedding.shape == (len(tiles), extractor.embedding_size)
    assert extractor.space.name == bundle.info.name


@pytest.mark.parametrize(
    ("architecture", "values"),
    [
        ("cnn3", {"pooling": ("max", "mean")}),
        ("squeezenet1_1", {"input_size": 48, "test_time": "d4", "storage": "float16"}),
        ("test_vit", {"input_size": 32, "arguments": {"global_pool": "avg"}}),
    ],
)
def test_an_architecture_embeds_as_its_network_in_torch(
    architecture: str, values: dict[str, Any], tiles: np.ndarray
) -> None:
    extractor = of(architecture, **values)
    found = extractor.embed(tiles)
    assert found.probabilities is None
    assert extractor.score_names == ()
    with torch.inference_mode():
        _, expected = extractor.deployed()(torch.from_numpy(tiles))
    assert found.embedding.shape == (len(tiles), extractor.embedding_size)
    assert found.embedding.std(axis=0).max() > 1e-3  # different tiles, different features
    allowed = AGREEMENT * max(1.0, float(expected.abs().max()))
    np.testing.assert_allclose(found.embedding, expected.numpy(), atol=allowed)
    np.testing.assert_allclose(of(architecture, engine="torch", **values).embed(tiles).embedding, expected, atol=1e-5)


def test_without_averaging_the_embedding_is_the_network_s_own(tiles: np.ndarray) -> None:
    extractor = of("cnn3")
    network, preprocessing = extractor.network()
    with torch.inference_mode():
        _, expected = network(preprocessing(torch.from_numpy(tiles)))
    np.testing.assert_allclose(extractor.embed(tiles).embedding, expected, atol=1e-4)


def test_the_space_depends_on_all_that_an_embedding_depends_on(tmp_path: Path) -> None:
    plain = of("cnn3").space
    assert of("cnn3").space == plain  # random weights are the same every time
    changes: list[dict[str, Any]] = [
        {"pooling": ("max",)},
        {"input_size": 24},
        {"mean": (0.5, 0.5, 0.5)},
        {"test_time": "d4"},
        {"storage": "float16"},
        {"tile_size": 24},
    ]
    spaces = {of("cnn3", **change).space.sha256 for change in changes}
    assert len(spaces | {plain.sha256}) == len(changes) + 1
    state = build_network(ModelConfig(architecture="cnn3"), 2).state_dict()
    save_file(state, tmp_path / "other.safetensors")
    other = of("cnn3", weights=str(tmp_path / "other.safetensors")).space
    assert other.sha256 != plain.sha256
    assert other.name == "cnn3, weights other.safetensors"


def test_the_same_weights_are_the_same_space_wherever_they_lie(tmp_path: Path) -> None:
    state = build_network(ModelConfig(architecture="cnn3"), 2).state_dict()
    for name in ("a", "b"):
        # The head differs: it is not part of the backbone.
        state["classifier.weight"] = torch.rand_like(state["classifier.weight"])
        save_file(state, tmp_path / f"{name}.safetensors")
    first, second = (of("cnn3", weights=str(tmp_path / f"{name}.safetensors")).space.sha256 for name in ("a", "b"))
    assert first == second


def test_an_architecture_of_one_size_gets_that_size() -> None:
    assert of("test_vit").model.input_size == 160
    assert of("test_vit", arguments={"img_size": 64}).model.input_size == 64
    assert of("test_vit", input_size=32).model.input_size == 32
    assert of("test_resnet").model.input_size == SIDE


def test_arguments_of_foundation_models_can_be_written_in_a_recipe(tiles: np.ndarray) -> None:
    arguments = {
        "img_size": 28,
        "patch_size": 14,
        "reg_tokens": 4,
        "no_embed_class": True,
        "init_values": 1e-5,
        "mlp_ratio": 5.0,
        "mlp_layer": "SwiGLUPacked",
        "act_layer": "silu",
    }
    extractor = of("test_vit", arguments=arguments)
    network, _ = extractor.network()
    assert type(network.get_submodule("blocks.0.mlp")).__name__ == "GluMlp"
    assert extractor.embed(tiles[:3]).embedding.shape == (3, extractor.embedding_size)
    with pytest.raises(RecipeError, match=r"mlp_layer = 'Swiglu'.*timm"):
        of("test_vit", arguments={"mlp_layer": "Swiglu"})


@pytest.mark.parametrize("architecture", ["cnn3", "test_vit"])
def test_openvino_reads_what_no_file_can_hold_from_a_folder(
    architecture: str, tiles: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Forced for a small network: above 2.1 GB it is the only way."""
    extractor = of(architecture, input_size=32)
    expected = extractor.embed(tiles[:3])
    info = extractor._engine.info
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    engine = engine_of(extractor.deployed(), info, "openvino", threads=1, limit=1000)
    assert list(tmp_path.iterdir()) == []
    np.testing.assert_array_equal(engine.predict(tiles[:3]).embedding, expected.embedding)


def test_a_changed_copy_of_the_network_does_not_change_the_extractor(tiles: np.ndarray) -> None:
    extractor = of("cnn3")
    network, _ = extractor.network()
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
    assert np.abs(extractor.embed(tiles[:3]).embedding).max() > 0


def test_what_does_not_suit_is_refused(bundle_of: BundleOf, tiles: np.ndarray) -> None:
    with pytest.raises(BundleError, match=r"30 px.*24 px"):
        open_extractor(bundle_of("plain"), None, tile_size=24)
    for bundle, model in [(None, None), (bundle_of("plain"), ModelConfig(architecture="cnn3"))]:
        with pytest.raises(SentinodeError, match="either a bundle or an architecture"):
            open_extractor(bundle, model, tile_size=SIDE)
    with pytest.raises(DataError, match=r"shape \(37, 29, 30, 3\)"):
        of("cnn3").embed(tiles[:, 1:])
    with pytest.raises(SentinodeError, match="no engine 'onnx'"):
        of("cnn3", engine="onnx").embed(tiles)
