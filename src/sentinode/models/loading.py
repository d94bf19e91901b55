"""From a bundle back to a network in torch: for the torch engine, for explaining, and for training further."""

from collections.abc import Sequence

from safetensors.torch import load_file

from sentinode.core.errors import BundleError
from sentinode.models.architectures import build_network
from sentinode.models.bundle import Bundle
from sentinode.models.deployed import DeployedModel
from sentinode.models.ensemble import EnsembleArguments, EnsembleNetwork
from sentinode.models.info import BundleInfo, Member
from sentinode.models.networks import Network
from sentinode.models.preprocessing import Preprocessing


def load_deployed(bundle: Bundle) -> DeployedModel:
    """The model that the bundle's graph was exported from, in evaluation mode, on the CPU, in float32.

    Raises:
        BundleError: The stored weights are not those of the architecture.
    """
    info = bundle.info
    network = _ensemble(info) if info.members else _network(info, len(info.classes.names))
    try:
        network.load_state_dict(load_file(bundle.weights))
    except RuntimeError as error:
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
    )


def ensemble_of(members: Sequence[tuple[Network, Member]], arguments: EnsembleArguments) -> EnsembleNetwork:
    """One network out of several, each with what is around it."""
    return EnsembleNetwork([around(network, member) for network, member in members], arguments.mean)


def _network(part: BundleInfo | Member, classes: int) -> Network:
    config = part.model
    return build_network(config, config.outputs(classes), tile_size=part.input.tile_size)


def _ensemble(info: BundleInfo) -> EnsembleNetwork:
    members = [(_network(member, len(info.classes.names)), member) for member in info.members]
    return ensemble_of(members, EnsembleArguments.model_validate(info.model.arguments))
