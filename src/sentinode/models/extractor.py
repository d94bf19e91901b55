"""A frozen network that turns tiles into embeddings: a bundle's, or an architecture with public or local weights."""

import copy
import hashlib
import json
from collections.abc import Callable
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import BundleError, RecipeError, SentinodeError
from sentinode.core.files import sha256_of_json
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import GRAPH_FILE, BundleInfo, Classes, Input, Provenance
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import engine_of, open_engine
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.model_config import ModelConfig

if TYPE_CHECKING:  # torch takes seconds to import, and a bundle's graph runs without it
    from sentinode.models.deployed_model import DeployedModel
    from sentinode.models.networks.network import Network
    from sentinode.models.preprocessing import Preprocessing


class Embedded(NamedTuple):
    """What an extractor gives for N tiles."""

    embedding: NDArray[np.float32]
    """(N, D)."""

    probabilities: NDArray[np.float32] | None
    """(N, K), of a bundle's classes; None for an architecture, which has no classifier."""


class Extractor:
    """A frozen network. Its engine is opened at the first tile, so that asking what it is costs little."""

    def __init__(
        self,
        space: FeatureSpace,
        model: ModelConfig,
        *,
        embedding_size: int,
        score_names: tuple[str, ...],
        engine: "Callable[[], Engine]",
        deployed: "Callable[[], DeployedModel]",
        bundle: Bundle | None = None,
    ) -> None:
        """Args: see the attributes; `engine` and `deployed` are called when they are needed."""
        self.space = space
        self.model = model
        """The network and what is around it, every choice made."""
        self.embedding_size = embedding_size
        """D, the length of an embedding."""
        self.score_names = score_names
        """The classes of the probabilities; empty where there are none."""
        self.bundle = bundle
        """The bundle that it comes from, if any."""
        self._open_engine = engine
        self._make_deployed = deployed

    def embed(self, tiles: NDArray[np.uint8]) -> Embedded:
        """Embed tiles, in batches of a bounded size however many there are.

        Args:
            tiles: (N, H, W, 3) uint8, RGB, of `space.tile_size`; N may be 0.

        Raises:
            DataError: Another type or shape.
        """
        scores = self._engine.predict(tiles)
        return Embedded(scores.embedding, scores.probabilities if self.score_names else None)

    def open(self) -> None:
        """Open the engine now, where the time that it takes, or its errors, would be blamed on what is embedded first.

        Raises:
            SentinodeError: As for `open_engine`.
        """
        _ = self._engine

    @property
    def engine_name(self) -> str:
        """`openvino` or `torch`, whichever runs it."""
        return self._engine.name

    def deployed(self) -> "DeployedModel":
        """The model in torch, with all that is around the network, on the CPU; a fresh copy to be changed freely."""
        return self._make_deployed()

    def network(self) -> "tuple[Network, Preprocessing]":
        """The network and its preprocessing in torch, for putting another head on it; a fresh copy."""
        deployed = self.deployed()
        return deployed.network, deployed.preprocessing

    @cached_property
    def _engine(self) -> Engine:
        return self._open_engine()


def open_extractor(
    bundle: Bundle | None,
    model: ModelConfig | None,
    *,
    tile_size: int,
    engine: str = "auto",
    threads: int | None = None,
) -> Extractor:
    """A frozen network for tiles of one size.

    Args:
        bundle: Its backbone, preprocessing and test-time averaging are used as they are, so that embeddings are those
            of `Engine.predict`.
        model: Otherwise: an architecture with its weights. `input_size` None means the tiles' own size or, for an
            architecture that is built for one size (most vision transformers), that size.
        tile_size: Side of the tiles in pixels.
        engine: As for `open_engine`.
        threads: CPU threads; None: as many as there are cores.

    Raises:
        SentinodeError: Not exactly one of `bundle` and `model`, or there is no such engine.
        BundleError: The bundle is for tiles of another size.
        RecipeError, WeightsError, OfflineError: The network can't be made as `model` says.
    """
    if bundle is not None and model is None:
        return _of_bundle(bundle, tile_size, engine, threads)
    if model is not None and bundle is None:
        return _of_architecture(model, tile_size, engine, threads)
    raise SentinodeError("an extractor is made from either a bundle or an architecture; name one of them")


def space_of(bundle: Bundle) -> FeatureSpace:
    """What the embeddings mean that a bundle gives."""
    info = bundle.info
    # The graph holds weights, preprocessing, pooling and averaging, and is cheaper to name than they are.
    sha256 = sha256_of_json(_identity(info))
    return FeatureSpace("network", info.name, info.input.tile_size, sha256)


def _of_bundle(bundle: Bundle, tile_size: int, engine: str, threads: int | None) -> Extractor:
    info = bundle.info
    info.refuse_context("features are of tiles alone")
    if info.input.pooling:
        raise BundleError(
            f"bundle {bundle.name} pools the tiles of an image for its own classifier; name the network that it stands "
            "on (`sentinode bundle show`) for features"
        )
    if tile_size != info.input.tile_size:
        raise BundleError(
            f"bundle {bundle.name} takes tiles of {info.input.tile_size} px, the images have {tile_size} px; "
            f"resize them, cut larger ones with data.tile_size={info.input.tile_size}, or use its weights in its "
            f"architecture: model.weights = bundle:{bundle.name}"
        )

    def deployed() -> "DeployedModel":
        if info.precision == "int8":
            raise BundleError(f"bundle {bundle.name} is INT8, which has no network in torch; use the one it came from")
        from sentinode.models.bundle_network import load_deployed

        return load_deployed(bundle)

    return Extractor(
        space_of(bundle),
        info.model,
        embedding_size=info.embedding_size,
        score_names=info.classes.names,
        engine=lambda: open_engine(bundle, engine, threads=threads),
        deployed=deployed,
        bundle=bundle,
    )


def _identity(info: BundleInfo) -> dict[str, Any]:
    """All that an embedding of a bundle depends on."""
    stain = info.input.stain
    own = {"graph": info.files[GRAPH_FILE]}
    return own if stain is None else {**own, "stain": info.input.model_dump(mode="json", include={"stain"})}


def _of_architecture(config: ModelConfig, tile_size: int, engine: str, threads: int | None) -> Extractor:
    from sentinode.models.deployed_model import DeployedModel
    from sentinode.models.networks.normalisation import normalisation
    from sentinode.models.networks.timm_network import own_size
    from sentinode.models.preprocessing import Preprocessing

    if config.context:
        raise RecipeError("model.context = true, and features are of tiles alone; leave it out")
    size = config.input_size or own_size(config) or tile_size
    mean, std = normalisation(config)
    model = config.model_copy(update={"input_size": size, "head": "logit", "mean": mean, "std": std})
    network = _frozen(model, tile_size)

    def deployed() -> DeployedModel:
        return DeployedModel(
            copy.deepcopy(network),
            Preprocessing(tile_size, size, mean, std),
            head=model.head,
            test_time=model.test_time,
            test_time_sizes=model.test_time_sizes,
        ).eval()

    # A file's folder differs from machine to machine, and is nobody's business in a bundle.
    weights = model.weights if model.weights.startswith("hf-hub:") else Path(model.weights).name
    return Extractor(
        FeatureSpace(
            "network", f"{model.architecture}, weights {weights}", tile_size, _digest(model, network, tile_size)
        ),
        model,
        embedding_size=network.embedding_size,
        score_names=(),
        engine=lambda: _engine(deployed(), model, engine, threads),
        deployed=deployed,
    )


def _frozen(model: ModelConfig, tile_size: int) -> "Network":
    """The network with its weights and a head of zeros, which nobody looks at."""
    import torch

    from sentinode.models.networks.architectures import build_network
    from sentinode.models.networks.weights import load_weights
    from sentinode.models.onnx_export import round_weights

    with torch.random.fork_rng():
        torch.manual_seed(0)  # without weights they are random, and must be the same ones tomorrow
        network = build_network(model, 1, tile_size=tile_size)
    load_weights(network, model)
    for parameter in network.get_submodule(network.head_name).parameters():
        torch.nn.init.zeros_(parameter)
    round_weights(network, model.storage)
    return network.eval()


def _digest(model: ModelConfig, network: "Network", tile_size: int) -> str:
    """SHA-256 over everything that an embedding depends on; where the weights came from is not part of it."""
    digest = hashlib.sha256()
    apart = {"weights", "head", "trainable", "head_first_epochs", "dropout", "training_size"}
    around = model.model_dump(mode="json", exclude=apart)
    digest.update(json.dumps([around, tile_size], sort_keys=True).encode())
    for name, tensor in sorted(network.state_dict().items()):
        if not name.startswith(f"{network.head_name}."):
            digest.update(f"{name} {tuple(tensor.shape)} {tensor.dtype}".encode())
            digest.update(np.ascontiguousarray(tensor.numpy()).data)
    return digest.hexdigest()


def _engine(deployed: "DeployedModel", model: ModelConfig, name: str, threads: int | None) -> Engine:
    from sentinode.models.onnx_export import fits

    # The largest foundation models are beyond what one ONNX file holds; torch runs them without a copy on the disk.
    chosen = "torch" if name == "auto" and not fits(deployed) else name
    return engine_of(deployed, _info(deployed, model), chosen, threads=threads)


def _info(deployed: "DeployedModel", model: ModelConfig) -> BundleInfo:
    """What an engine has to know, in the form that it knows from bundles."""
    size = deployed.preprocessing
    unknown = Provenance(recipe={}, recipe_sha256="", data_sha256="", split_sha256="", libraries={}, created="")
    return BundleInfo(
        name=model.architecture,
        classes=Classes(names=("0", "1")),
        input=Input(tile_size=size.tile_size, input_size=size.input_size, mean=size.mean, std=size.std),
        model=model,
        embedding_size=deployed.network.embedding_size,
        precision=model.storage,
        temperature=1.0,
        provenance=unknown,
    )
