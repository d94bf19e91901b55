import json
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from helpers import published_dinov2
from sentinode.core.errors import OfflineError, WeightsError
from sentinode.models.backbones import backbone_model
from sentinode.models.model_config import IMAGENET_MEAN, IMAGENET_STD, ModelConfig
from sentinode.models.networks import hub
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.normalisation import normalisation
from sentinode.models.networks.weights import load_weights


def _network(
    weights: str = "none", architecture: str = "cnn3", outputs: int = 2
) -> tuple[torch.nn.Module, ModelConfig]:
    config = ModelConfig(architecture=architecture, weights=weights)
    return build_network(config, outputs), config


@pytest.mark.parametrize("kind", ["safetensors", "pth", "wrapped"])
def test_a_file_gives_the_backbone_and_not_the_head(tmp_path: Path, kind: str) -> None:
    donor, _ = _network(outputs=5)
    path = tmp_path / ("weights.safetensors" if kind == "safetensors" else "weights.pth")
    if kind == "safetensors":
        save_file(donor.state_dict(), path)
    else:
        torch.save({"state_dict": donor.state_dict(), "epoch": 3} if kind == "wrapped" else donor.state_dict(), path)
    network, config = _network(str(path))
    head = network.state_dict()["classifier.weight"].clone()
    load_weights(network, config)
    for name, value in donor.state_dict().items():
        if not name.startswith("classifier."):
            assert torch.equal(network.state_dict()[name], value)
    assert torch.equal(network.state_dict()["classifier.weight"], head)


def test_a_file_that_does_not_fit_says_which_keys(tmp_path: Path) -> None:
    state = _network()[0].state_dict()
    state["extra"] = state.pop("features.block1.1.bias")
    state["features.block2.1.weight"] = torch.zeros(7)
    save_file(state, tmp_path / "weights.safetensors")
    network, config = _network(str(tmp_path / "weights.safetensors"))
    with pytest.raises(WeightsError) as caught:
        load_weights(network, config)
    message = str(caught.value)
    assert "missing: features.block1.1.bias" in message
    assert "unexpected: extra" in message
    assert "features.block2.1.weight (7,) instead of (64,)" in message


def test_weights_of_another_architecture_are_refused(tmp_path: Path) -> None:
    save_file(_network(architecture="resnet18")[0].state_dict(), tmp_path / "weights.safetensors")
    network, config = _network(str(tmp_path / "weights.safetensors"))
    with pytest.raises(WeightsError, match=r"missing: .* and \d+ more; unexpected: .* and \d+ more"):
        load_weights(network, config)


def test_a_pickle_is_refused_and_not_run(tmp_path: Path) -> None:
    class Bomb:
        def __reduce__(self) -> tuple[object, tuple[str]]:
            return Path.touch, (tmp_path / "exploded",)  # type: ignore[return-value]

    torch.save({"a": Bomb()}, tmp_path / "weights.pth")
    network, config = _network(str(tmp_path / "weights.pth"))
    with pytest.raises(WeightsError, match="could run code"):
        load_weights(network, config)
    assert not (tmp_path / "exploded").exists()


@pytest.mark.parametrize(("name", "content"), [("w.safetensors", b"short"), ("w.pth", b"\x00\x01"), ("w.pth", b"")])
def test_a_damaged_file_is_refused(tmp_path: Path, name: str, content: bytes) -> None:
    (tmp_path / name).write_bytes(content)
    network, config = _network(str(tmp_path / name))
    with pytest.raises(WeightsError, match=name):
        load_weights(network, config)


def test_a_missing_file_and_an_unknown_tag_are_refused(tmp_path: Path) -> None:
    network, config = _network(str(tmp_path / "none.safetensors"))
    with pytest.raises(WeightsError, match="no weights file"):
        load_weights(network, config)
    network, config = _network("a9_in1k", "resnet18")
    with pytest.raises(WeightsError, match=r"a9_in1k.*it has: .*a1_in1k"):
        load_weights(network, config)
    network, config = _network("imagenet", "cnn3")
    with pytest.raises(WeightsError, match="it has: none"):
        load_weights(network, config)


@pytest.mark.parametrize(
    ("architecture", "weights"),
    [
        ("resnet18", "imagenet"),
        ("resnet18", "a1_in1k"),
        ("resnet18", "hf-hub:some/model"),
        ("resnet18", "hf-hub:SophontAI/OpenMidnight"),
        ("squeezenet1_1", "imagenet"),
    ],
)
def test_without_a_network_public_weights_are_refused_at_once(
    architecture: str, weights: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(hub, "reachable", lambda _url: False)
    monkeypatch.setattr(hub, "_in_hub_cache", lambda *_: None)
    monkeypatch.setattr(torch.hub, "get_dir", lambda: str(tmp_path))
    network, config = _network(weights, architecture)
    with pytest.raises(OfflineError, match=r"can't be reached; give a local file .*bundle:PATH.*none"):
        load_weights(network, config)


def test_a_server_that_is_not_there_is_not_reachable() -> None:
    assert not hub.reachable("http://127.0.0.1:9/")  # the discard port: refused at once


def test_weights_in_the_cache_need_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import timm

    donor = timm.create_model("resnet18", num_classes=1000)
    save_file(donor.state_dict(), tmp_path / "model.safetensors")
    monkeypatch.setattr(hub, "reachable", lambda _url: False)
    monkeypatch.setattr(hub, "_in_hub_cache", lambda *_: tmp_path / "model.safetensors")
    network, config = _network("imagenet", "resnet18")
    load_weights(network, config)
    assert torch.equal(network.state_dict()["layer4.1.conv2.weight"], donor.state_dict()["layer4.1.conv2.weight"])


def test_foundation_models_in_the_cache_need_no_network(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Midnight's own name and repository, with a small model of its structure in the cache in its place."""
    state = published_dinov2.make_state(registers=0)
    save_file(state, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_text(json.dumps(published_dinov2.CONFIG))
    monkeypatch.setattr(hub, "reachable", lambda _url: False)
    monkeypatch.setattr(hub, "_in_hub_cache", lambda _repository, files: tmp_path / files[0])
    values = {**(backbone_model("midnight-12k") or {}), "arguments": published_dinov2.ARGUMENTS, "input_size": 21}
    config = ModelConfig.model_validate(values)
    network = build_network(config, 2)
    load_weights(network, config)
    assert network.origin == "hf-hub:kaiko-ai/midnight"
    assert torch.equal(network.get_parameter("blocks.1.ls2.gamma"), state["encoder.layer.1.layer_scale2.lambda1"])
    assert (network.embedding_size, normalisation(config)[0]) == (2 * published_dinov2.WIDTH, (0.5, 0.5, 0.5))
    unlike = config.model_copy(update={"mean": None, "std": None})
    with pytest.raises(WeightsError, match=r"normalised with mean \[0.5, 0.5, 0.5\].*set model.mean"):
        load_weights(network, unlike)


def test_imagenet_is_the_tag_that_timm_itself_takes(monkeypatch: pytest.MonkeyPatch) -> None:
    """The first of ConvNeXt's tags by the alphabet are DINOv3's weights, under a licence of their own."""
    asked: list[str] = []
    monkeypatch.setattr(hub, "_in_hub_cache", lambda repository, *_: asked.append(repository))
    monkeypatch.setattr(hub, "reachable", lambda _url: False)
    network, config = _network("imagenet", "convnext_atto")
    with pytest.raises(OfflineError):
        load_weights(network, config)
    assert asked == ["timm/convnext_atto.d2_in1k"]


@pytest.fixture
def other_scaling(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> tuple[float, float, float]:
    """The mean that a repository's resnet18 was trained with, which is not the one that timm knows for resnet18."""
    import timm

    donor = timm.create_model("resnet18", num_classes=1000)
    save_file(donor.state_dict(), tmp_path / "model.safetensors")
    mean = (0.7, 0.6, 0.7)
    public = {"mean": mean, "std": (0.2, 0.2, 0.2), "num_classes": 1000, "input_size": (3, 224, 224)}
    (tmp_path / "config.json").write_text(json.dumps({"architecture": "resnet18", "pretrained_cfg": public}))
    monkeypatch.setattr(hub, "_in_hub_cache", lambda *_: tmp_path / "model.safetensors")
    return mean


def test_a_repository_that_wants_another_normalisation_is_refused(other_scaling: tuple[float, float, float]) -> None:
    network, config = _network("hf-hub:some/model", "resnet18")
    with pytest.raises(WeightsError, match=r"mean \[0.7, 0.6, 0.7\].*set model.mean"):
        load_weights(network, config)


def test_the_recipes_own_normalisation_is_taken(other_scaling: tuple[float, float, float]) -> None:
    network, config = _network("hf-hub:some/model", "resnet18")
    config = config.model_copy(update={"mean": other_scaling, "std": (0.2, 0.2, 0.2)})
    load_weights(network, config)
    assert normalisation(config) == (other_scaling, (0.2, 0.2, 0.2))


@pytest.mark.parametrize(
    ("architecture", "weights", "expected"),
    [
        ("resnet18", "imagenet", (IMAGENET_MEAN, IMAGENET_STD)),
        ("tf_efficientnet_lite0", "none", ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))),
        ("vit_tiny_patch16_224", "augreg_in21k_ft_in1k", ((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))),
        ("cnn3", "none", (IMAGENET_MEAN, IMAGENET_STD)),
    ],
)
def test_an_architecture_brings_its_own_normalisation(architecture: str, weights: str, expected: object) -> None:
    assert normalisation(ModelConfig(architecture=architecture, weights=weights)) == expected


def test_weights_of_a_bundle_bring_its_normalisation_and_name_its_architecture() -> None:
    assert normalisation(ModelConfig(architecture="resnet18", weights="bundle:pcam"))[0] == (0.5, 0.5, 0.5)
    network, config = _network("bundle:pcam", "resnet18")
    with pytest.raises(WeightsError, match=r"not of resnet18; set model.architecture to tf_efficientnet_lite0"):
        load_weights(network, config)


def test_the_imagenet_weights_of_squeezenet_load(shared_data: Path) -> None:
    path = shared_data / "weights" / "squeezenet1_1-imagenet-features.safetensors"
    network, config = _network(str(path), "squeezenet1_1")
    load_weights(network, config)
    weight = network.state_dict()["features.12.expand3x3.weight"]
    assert 0 < weight.std() < 1
