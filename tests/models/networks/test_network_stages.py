import pytest
import torch

from sentinode.core.errors import WeightsError
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.network import Network
from sentinode.models.networks.network_stages import freeze, stages


@pytest.fixture
def network() -> Network:
    torch.manual_seed(0)
    return build_network(ModelConfig(architecture="resnet18"), 2)


def _step(network: Network) -> None:
    network.train()
    optimizer = torch.optim.SGD([p for p in network.parameters() if p.requires_grad], lr=0.1)
    network(torch.randn(4, 3, 32, 32))[0].square().sum().backward()
    optimizer.step()


def test_frozen_stages_keep_weights_and_statistics(network: Network) -> None:
    freeze(network, ["layer4", "fc"])
    before = {name: value.clone() for name, value in network.state_dict().items()}
    _step(network)
    changed = {name for name, value in network.state_dict().items() if not torch.equal(value, before[name])}
    assert {name.partition(".")[0] for name in changed} == {"layer4", "fc"}
    assert "layer4.0.bn1.running_mean" in changed


def test_train_does_not_thaw_and_eval_goes_through(network: Network) -> None:
    freeze(network, ["layer4.1", "fc"])
    network.train()
    assert not network.get_submodule("layer4.0.bn1").training
    assert network.get_submodule("layer4.1.bn1").training
    network.eval()
    assert not any(module.training for module in network.modules())


def test_an_empty_list_thaws_everything_again(network: Network) -> None:
    freeze(network, ["fc"])
    freeze(network, [])
    assert all(parameter.requires_grad for parameter in network.parameters())
    assert all(module.training for module in network.train().modules())


def test_a_prefix_is_not_a_stage(network: Network) -> None:
    with pytest.raises(WeightsError, match=r"'layer'.*conv1, bn1, layer1, layer2, layer3, layer4, fc"):
        freeze(network, ["layer"])


def test_stages_of_a_sequence_are_its_members() -> None:
    network = build_network(ModelConfig(architecture="cnn3"), 2)
    assert stages(network) == ["features.block1", "features.block2", "features.block3", "classifier"]
