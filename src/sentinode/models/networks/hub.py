"""Public weights from the hubs that timm and torchvision use: from their cache, else downloaded, else refused at once.

The hub's own client tries a dead network for minutes; here one short request tells beforehand.
"""

import urllib.error
import urllib.request
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sentinode.core.errors import OfflineError, WeightsError
from sentinode.models.backbones import HUB_PREFIX, Backbone, published_in
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.network import Network
from sentinode.models.networks.normalisation import normalisation
from sentinode.models.networks.packaged_weights import install_line, packaged_file
from sentinode.models.networks.timm_network import TimmNetwork
from sentinode.models.networks.torchvision_ops import register_missing_ops

_PROBE_SECONDS = 5.0
_WEIGHT_FILES = ("model.safetensors", "pytorch_model.bin")
_CONFIG = "config.json"


def pretrained_state(network: Network, config: ModelConfig) -> dict[str, Tensor]:
    """The state dict of public weights for a network; the head in it is that of the public model.

    Args:
        network: What they are for.
        config: `weights` is `imagenet`, a timm tag such as `a1_in1k`, or `hf-hub:ORG/NAME`.

    Raises:
        WeightsError: There are no such weights, the hub refuses to give them, or they want another normalisation.
        OfflineError: They are not in the cache, and the hub can't be reached.
    """
    if isinstance(network, TimmNetwork):
        return _from_timm(network, config)
    architecture, weights = config.architecture, config.weights
    if architecture == "squeezenet1_1" and weights == "imagenet":
        return _squeezenet_imagenet()
    has = "imagenet" if architecture == "squeezenet1_1" else "none"
    raise WeightsError(
        f"model.weights = {weights!r} is neither a file nor public weights of {architecture} "
        f"(it has: {has}); check the path, or give bundle:PATH"
    )


def published_file(config: ModelConfig) -> Path | None:
    """The weights of a backbone that is not published in timm's form, from the hub's cache or downloaded.

    Where the transformers library wrote them, `config.json` is beside them. The code that comes with them is not had.

    Args:
        config: `weights` is anything that a recipe may say.

    Returns:
        The file; None where `weights` names nothing of that kind.

    Raises:
        WeightsError: The hub refuses to give them, or the model normalises otherwise than they want.
        OfflineError: They are not in the cache, and the hub can't be reached.
    """
    row = published_in(config.weights.removeprefix(HUB_PREFIX)) if config.weights.startswith(HUB_PREFIX) else None
    if row is None or row.form == "timm":
        return None
    _check_normalisation(row.model.model_dump(), config)
    if row.form == "transformers":
        _had(row, _CONFIG)
    return _had(row, row.file)


def _had(row: Backbone, file: str) -> Path:
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    if cached := _in_hub_cache(row.repository, (file,)):
        return cached
    _require_hub(f"the weights {row.model.weights!r}")
    try:
        return Path(hf_hub_download(row.repository, file))
    except (HfHubHTTPError, LocalEntryNotFoundError) as error:
        raise _refused(row.model.weights, row.title, error) from error


def at_hand(row: Backbone) -> bool:
    """Whether a backbone's weights are on this machine, so that no network is asked."""
    if row.repository:
        return _in_hub_cache(row.repository, (row.file, *_WEIGHT_FILES)) is not None
    name = row.model.architecture
    if packaged_file(name):
        return True
    if name == "squeezenet1_1":
        return _in_torch_cache(_squeezenet_weights().url)
    source, public = _public_weights(name, row.model.weights)
    hub = _hub_repository(source, public)
    return _in_hub_cache(hub) is not None if hub else _in_torch_cache(public.url)


def reachable(url: str) -> bool:
    """Whether a server answers at `url` within a few seconds, through the proxy where one is set."""
    try:
        urllib.request.urlopen(urllib.request.Request(url, method="HEAD"), timeout=_PROBE_SECONDS).close()
    except urllib.error.HTTPError:
        return True  # an answer, if not a friendly one
    except (OSError, ValueError):
        return False
    return True


def _squeezenet_imagenet() -> dict[str, Tensor]:
    weights = _squeezenet_weights()
    if not _in_torch_cache(weights.url):
        _require_network(weights.url, "the ImageNet weights of squeezenet1_1")
    return dict(weights.get_state_dict(progress=False, check_hash=True))


def _squeezenet_weights() -> Any:
    register_missing_ops()
    from torchvision.models import SqueezeNet1_1_Weights

    return SqueezeNet1_1_Weights.IMAGENET1K_V1


def _from_timm(network: TimmNetwork, config: ModelConfig) -> dict[str, Tensor]:
    import timm
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    weights = config.weights
    source, overlay = _timm_source(network.timm_name, weights)
    # The head of the public model, not ours: so timm checks every key that it loads.
    arguments = {k: v for k, v in network.timm_arguments.items() if k not in ("num_classes", "drop_rate")}
    try:
        donor = timm.create_model(source, pretrained=True, pretrained_cfg_overlay=overlay, **arguments)
    except (HfHubHTTPError, LocalEntryNotFoundError) as error:
        raise _refused(weights, network.timm_name, error) from error
    except (RuntimeError, TypeError) as error:
        raise WeightsError(f"the weights {weights!r} do not fit {network.timm_name}: {error}") from error
    _check_normalisation(vars(donor)["pretrained_cfg"], config)
    return dict(donor.state_dict())


def _refused(weights: str, name: str, error: Exception) -> WeightsError:
    reason = str(error).strip().splitlines()[0]
    return WeightsError(
        f"the hub does not give the weights {weights!r} of {name} ({reason}); "
        "check the name, ask for access and log in with `hf auth login`, or give a local file"
    )


def _check_normalisation(public: dict[str, Any], config: ModelConfig) -> None:
    """A repository may hold weights that want another one than the architecture's own, which is what is taken."""
    if config.mean is not None and config.std is not None:
        return  # the recipe says so
    chosen = normalisation(config)
    mean, std = tuple(public.get("mean") or chosen[0]), tuple(public.get("std") or chosen[1])
    if not np.allclose((mean, std), chosen, atol=1e-3):
        raise WeightsError(
            f"the weights {config.weights!r} of {config.architecture} were trained on images normalised with "
            f"mean {list(mean)} and std {list(std)}; set model.mean and model.std to these"
        )


def _timm_source(name: str, weights: str) -> tuple[str, dict[str, Any] | None]:
    """What to ask timm for, and what to overlay on its own description of it; both point to the cache if it can."""
    if weights.startswith(HUB_PREFIX):
        cached = _in_hub_cache(weights.removeprefix(HUB_PREFIX))
        if cached is not None and (cached.parent / _CONFIG).is_file():
            return f"local-dir:{cached.parent}", None
        _require_hub(f"the weights {weights!r}")
        return weights, None
    source, public = _public_weights(name, weights)
    if repository := _hub_repository(source, public):
        if cached := _in_hub_cache(repository):
            return source, {"file": str(cached)}
        _require_hub(f"the weights {weights!r} of {name}", install_line(name))
    elif public.url and not _in_torch_cache(public.url):
        _require_network(public.url, f"the weights {weights!r} of {name}")
    return source, None


def _public_weights(name: str, weights: str) -> tuple[str, Any]:
    """`ARCHITECTURE.TAG` of weights that timm has, and its description of them.

    Raises:
        WeightsError: It has none of that tag.
    """
    register_missing_ops()
    import timm

    tags = [full.partition(".")[2] for full in timm.list_pretrained(f"{name}.*")]
    if not tags or (weights not in tags and weights != "imagenet"):
        listed = ", ".join(tags) or "none"
        raise WeightsError(
            f"model.weights = {weights!r} is neither a file nor public weights of {name} (it has: {listed}); "
            "check the path or the tag"
        )
    # timm's own choice, not the first of the alphabet: among a ConvNeXt's are DINOv3's, with a licence of their own.
    usual: Any = timm.get_pretrained_cfg(name)
    source = f"{name}.{(usual.tag or tags[0]) if weights == 'imagenet' else weights}"
    return source, timm.get_pretrained_cfg(source)


def _hub_repository(source: str, public: Any) -> str:
    """Of timm's weights, on the hub; empty: they have an address of their own."""
    hub = str(public.hf_hub_id or "")
    return f"{hub}{source}" if hub.endswith("/") else hub


def _in_hub_cache(repository: str, files: Sequence[str] = _WEIGHT_FILES) -> Path | None:
    from huggingface_hub import try_to_load_from_cache

    for name in files:
        path = try_to_load_from_cache(repository, name)
        if isinstance(path, str):
            return Path(path)
    return None


def _in_torch_cache(url: str) -> bool:
    return (Path(torch.hub.get_dir()) / "checkpoints" / url.rpartition("/")[2]).is_file()


def _require_hub(what: str, remedy: str = "") -> None:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        raise OfflineError(_offline_message(what, "HF_HUB_OFFLINE is set", remedy))
    _require_network(constants.ENDPOINT, what, remedy)


def _require_network(url: str, what: str, remedy: str = "") -> None:
    if not reachable(url):
        host = url.split("/")[2]
        raise OfflineError(_offline_message(what, f"{host} can't be reached", remedy))


def _offline_message(what: str, reason: str, remedy: str) -> str:
    """Args: `remedy` is a command that brings them without a hub, where there is one."""
    first = f"`{remedy}` brings them, or " if remedy else ""
    return (
        f"{what} are not on this machine, and {reason}; {first}give a local file (model.weights = "
        '"FILE.safetensors"), another bundle ("bundle:PATH"), or "none", or run again with a network'
    )
