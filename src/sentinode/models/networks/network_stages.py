"""Letting only some stages of a network learn."""

from collections.abc import Sequence

from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from sentinode.core.errors import WeightsError
from sentinode.models.networks.network import Network

_FEW = 6


def freeze(network: Network, trainable: Sequence[str]) -> None:
    """Let the stages named `trainable` learn and nothing else; an empty sequence lets everything learn.

    The running statistics of batch norms in frozen stages stay as they are, also after `network.train()`: otherwise
    a stage with fixed weights would still drift with every batch. Can be called again with other stages.

    Args:
        network: Changed in place.
        trainable: Dotted module names, such as `layer4` or `features.12`.

    Raises:
        WeightsError: No parameter belongs to a stage of that name; the message lists the stages.
    """
    names = [name for name, _ in network.named_parameters()]
    for stage in trainable:
        if not any(_within(name, stage) for name in names):
            listed = ", ".join(stages(network))
            raise WeightsError(f"model.trainable names {stage!r}, which the network has not; its stages are: {listed}")
    for name, parameter in network.named_parameters():
        parameter.requires_grad_(not trainable or any(_within(name, stage) for stage in trainable))
    network.frozen_norms = tuple(
        name
        for name, module in network.named_modules()
        if isinstance(module, _BatchNorm) and trainable and not any(_within(name, stage) for stage in trainable)
    )
    network.train(network.training)


def stages(network: Network) -> list[str]:
    """The names of the parts of a network that can be frozen, in order.

    They are its children; where those are few, a plain sequence among them is listed by its members.
    """
    children = [(name, child) for name, child in network.named_children() if any(True for _ in child.parameters())]
    found: list[str] = []
    for name, child in children:
        members = [f"{name}.{key}" for key, part in child.named_children() if any(True for _ in part.parameters())]
        found.extend(members if len(children) <= _FEW and type(child) is nn.Sequential else [name])
    return found


def _within(name: str, stage: str) -> bool:
    return name == stage or name.startswith(f"{stage}.")
