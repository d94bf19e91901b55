"""From a bundle back to a network in torch: for the torch engine, for explaining, and for training further."""

from safetensors.torch import load_file

from sentinode.core.errors import BundleError
from sentinode.models.architectures import build_network
from sentinode.models.bundle import Bundle
from sentinode.models.deployed import DeployedModel
from sentinode.models.preprocessing import Preprocessing


def load_deployed(bundle: Bundle) -> DeployedModel:
    """The model that the bundle's graph was exported from, in evaluation mode, on the CPU, in float32.

    Raises:
        BundleError: The stored weights are not those of the architecture.
    """
    info = bundle.info
    config, size = info.model, info.input
    network = build_network(config, config.outputs(len(info.classes.names)), tile_size=size.tile_size)
    try:
        network.load_state_dict(load_file(bundle.weights))
    except RuntimeError as error:
        raise BundleError(f"the weights of bundle {bundle.folder} do not fit {config.architecture}: {error}") from error
    return DeployedModel(
        network,
        Preprocessing(size.tile_size, size.input_size, size.mean, size.std),
        head=config.head,
        temperature=info.temperature,
        test_time=config.test_time,
        test_time_sizes=config.test_time_sizes,
    ).eval()
