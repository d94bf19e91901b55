"""From a bundle back to a network in torch: for the torch engine, for explaining, and for training further."""

from collections.abc import Mapping, Sequence

from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sentinode.core.errors import BundleError
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import BundleInfo, Member
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.ensemble_network import EnsembleArguments, EnsembleNetwork
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.heads import build_head
from sentinode.models.networks.network import Network
from sentinode.models.preprocessing import Preprocessing


def load_deployed(bundle: Bundle) -> DeployedModel:
    """The model that the bundle's graph was exported from, in evaluation mode, on the CPU, in float32.

    Raises:
        BundleError: The stored weights are not those of the architecture.
    """
    info = bundle.info
    try:
        tensors = load_file(bundle.weights)
        network = _ensemble(info, tensors) if info.members else _network(info, len(info.classes.names), tensors)
        network.load_state_dict(tensors)
    except (SafetensorError, OSError) as error:
        raise BundleError(f"{bundle.weights} can't be read ({error}); get the bundle again") from error
    except (RuntimeError, KeyError) as error:
        raise BundleError(
            f"the weights of bundle {bundle.folder} do not fit {info.model.architecture}: {error}"
        ) from error
    return around(network, info).eval()


def around(network: Network, part: BundleInfo | Member) -> DeployedModel:
    """`network` with the preprocessing, the averaging and the temperature that `part` says."""
    config, size = part.model, part.input
    return DeployedModel(
        network,
        Preprocessing(size.tile_size, size.input_size, size.mean, size.std),
        head=config.head,
        temperature=part.temperature,
        test_time=config.test_time,
        test_time_sizes=config.test_time_sizes,
        pooling=size.pooling,
    )


def ensemble_of(members: Sequence[tuple[Network, Member]], arguments: EnsembleArguments) -> EnsembleNetwork:
    """One network out of several, each with what is around it."""
    return EnsembleNetwork([around(network, member) for network, member in members], arguments.mean)


def _network(part: BundleInfo | Member, classes: int, tensors: Mapping[str, Tensor], prefix: str = "") -> Network:
    """The network of a bundle or member, whose tensors' names begin with `prefix`, with any classical head in place."""
    config = part.model
    if part.head is None:
        return build_network(config, config.outputs(classes), tile_size=part.input.tile_size)
    network = build_network(config, 1, tile_size=part.input.tile_size)
    where = f"{prefix}{network.head_name}."
    arrays = {name.removeprefix(where): tensor for name, tensor in tensors.items() if name.startswith(where)}
    network.set_submodule(network.head_name, build_head(part.head, arrays))
    return network


def _ensemble(info: BundleInfo, tensors: Mapping[str, Tensor]) -> EnsembleNetwork:
    members = [
        (_network(member, len(info.classes.names), tensors, f"members.{number}.network."), member)
        for number, member in enumerate(info.members)
    ]
    return ensemble_of(members, EnsembleArguments.model_validate(info.model.arguments))
