"""Where a network's first weights come from. Files are data only: safetensors, or tensors without pickled code."""

import json
import pickle
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from sentinode.core.errors import OfflineError, WeightsError
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.context_network import ContextNetwork
from sentinode.models.networks.dinov2_names import check_structure, is_dinov2, timm_names
from sentinode.models.networks.hub import pretrained_state, published_file
from sentinode.models.networks.network import Network
from sentinode.models.networks.packaged_weights import in_order, packaged_file
from sentinode.models.pretrained_bundle import open_weights

_TORCH_SUFFIXES = {".pt", ".pth", ".bin", ".ckpt"}
_WRAPPERS = ("state_dict", "model")
_LISTED = 6


def load_weights(network: Network, config: ModelConfig) -> None:
    """Load what `config.weights` names into the backbone of `network`; the head keeps its random start.

    `imagenet` is looked for in an installed package first, then in the hub's cache, then at the hub. What was found is
    in `network.origin`.

    Args:
        network: Made by `build_network` from the same `config`; changed in place.
        config: `weights` is `none`, `imagenet`, a timm tag, `hf-hub:ORG/NAME`, a file or `bundle:PATH|NAME`.

    Raises:
        WeightsError: No such file or tag, or it does not fit: the message says which keys do not.
        BundleError: There is no such bundle, or it is damaged.
        OfflineError: Only a hub has them, and there is no network.
    """
    spec = config.weights
    if spec == "none":
        return
    if isinstance(network, ContextNetwork):
        load_both(network, config)
        return
    path = Path(spec).expanduser()
    packaged = packaged_file(config.architecture) if spec == "imagenet" else None
    if packaged is not None:
        state = read_state(packaged.path)
        names = network.state_dict().keys()
        if not any(name in names for name in state):
            state = in_order(state, network, name=packaged.origin)
        load_backbone(network, state, name=packaged.origin)
        network.origin = packaged.origin
        return
    if bundle := open_weights(spec):
        if bundle.info.model.architecture != config.architecture:
            raise WeightsError(
                f"the weights {spec} are of {bundle.info.model.architecture}, not of {config.architecture}; "
                f"set model.architecture to {bundle.info.model.architecture}"
            )
        if bundle.info.model.context:
            raise WeightsError(
                f"the weights {spec} are of a model with context, whose two backbones were trained for each other; "
                "start from a bundle without"
            )
        state = read_state(bundle.weights)
    elif path.suffix in {".safetensors", *_TORCH_SUFFIXES} or path.is_file():
        state = read_state(path)
    elif found := published_file(config):
        path = found
        state = read_state(path)
    else:
        state = pretrained_state(network, config)
    if is_dinov2(state):
        load_backbone(network, timm_names(state, network, name=spec), name=spec)
        check_structure(network, _config_beside(path), name=spec)
    else:
        load_backbone(network, state, name=spec)
    # A file's folder is this machine's, and nobody's business; a repository's name is its weights'.
    network.origin = path.name if Path(spec).expanduser().is_file() else spec


@contextmanager
def weights_named(key: str) -> Iterator[None]:
    """Errors on weights name `key`, where they are not those of `[model]`."""
    try:
        yield
    except (WeightsError, OfflineError) as error:
        raise type(error)(str(error).replace("model.weights", key)) from error


def load_both(network: ContextNetwork, config: ModelConfig) -> None:
    """Load the weights into both backbones of a network with context; see `load_weights`."""
    bare = config.model_copy(update={"context": False})
    for backbone in (network.near, network.wide):
        load_weights(backbone, bare)
    network.origin = network.near.origin


def read_state(path: Path) -> dict[str, Tensor]:
    """Read a safetensors file, or a state dict saved by torch (also under the key `state_dict` or `model`).

    Raises:
        WeightsError: There is no such file, it is damaged, or it holds something else than tensors.
    """
    if not path.is_file():
        raise WeightsError(f"there is no weights file {path}; check model.weights")
    try:
        content = (
            load_file(path)
            if path.suffix == ".safetensors"
            else torch.load(path, map_location="cpu", weights_only=True)
        )
    except pickle.UnpicklingError as error:
        raise WeightsError(
            f"{path} holds pickled objects, not just tensors, and could run code; save its state_dict as safetensors"
        ) from error
    except (SafetensorError, RuntimeError, EOFError, OSError) as error:
        raise WeightsError(f"{path} can't be read as weights ({error}); it may be truncated") from error
    for key in _WRAPPERS:
        if isinstance(content, dict) and isinstance(content.get(key), dict):
            content = content[key]
    if not isinstance(content, dict) or not all(isinstance(value, Tensor) for value in content.values()):
        raise WeightsError(f"{path} is no state dict: it must map names to tensors")
    return content


def _config_beside(path: Path) -> dict[str, Any]:
    """What the transformers library wrote beside its weights; empty where there is nothing of the kind."""
    try:
        found = json.loads((path.parent / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and "num_attention_heads" in found else {}


def load_backbone(network: Network, state: Mapping[str, Tensor], *, name: str) -> None:
    """Copy all but the head from `state` into `network`; `name` is for messages.

    A head belongs to the classes that it was trained for, so it is left out on both sides.

    Raises:
        WeightsError: A key of the backbone is missing, is not the network's, or has another shape.
    """
    head = f"{network.head_name}."
    # A pooling that learns is the network's own: taken from a bundle that has it, else it keeps its start. Counters of
    # batch norms are no weights, and checkpoints from before there were any lack them.
    optional = (f"{network.learned_pooling}." if network.learned_pooling else head, "num_batches_tracked")
    own = {key: value for key, value in network.state_dict().items() if not key.startswith(head)}
    given = {key: value for key, value in state.items() if not key.startswith(head)}
    problems = {
        "missing": [
            key for key in own if key not in given and not (key.startswith(optional[0]) or key.endswith(optional[1]))
        ],
        "unexpected": [key for key in given if key not in own],
        "of another shape": [
            f"{key} {tuple(given[key].shape)} instead of {tuple(own[key].shape)}"
            for key in own
            if key in given and given[key].shape != own[key].shape
        ],
    }
    if any(problems.values()):
        listed = "; ".join(f"{kind}: {_listed(keys)}" for kind, keys in problems.items() if keys)
        raise WeightsError(
            f"the weights {name} do not fit the architecture: {listed}; set model.architecture to theirs"
        )
    network.load_state_dict(given, strict=False)


def _listed(keys: list[str]) -> str:
    more = f" and {len(keys) - _LISTED} more" if len(keys) > _LISTED else ""
    return ", ".join(keys[:_LISTED]) + more
