"""A bundle opened for explaining: its answers, and the network behind them where there is one to look into."""

import copy
import threading
from collections.abc import Callable, Hashable, Iterator
from typing import Any, TypeVar, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sentinode.core.errors import DataError, SentinodeError
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import BundleInfo
from sentinode.models.bundle_network import load_deployed
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import check_example, open_engine
from sentinode.models.engines.torch_engine import TorchEngine
from sentinode.models.ensemble_network import EnsembleNetwork

Found = TypeVar("Found")

GRADIENT_PIXELS = 4_000_000
"""Most pixels that the network sees at a time with gradients; one costs SqueezeNet about 0.4 kB."""

LEAST = 1e-12
"""Probabilities below this are taken to be this, so that log-odds stay finite."""

TILES_AT_ONCE = 64
"""Perturbed tiles that the engine gets at a time: bounds memory, whatever the method."""


class ExplainableModel:
    """A model that can be explained. Thread-safe: what looks inside the network takes turns.

    What is explained is the log-odds ln(p / (1 − p)) of one class, p being the probability that the bundle gives with
    all that it averages over and its temperature, or, of a single look, what it would give for the tile as it lies.
    """

    def __init__(self, info: BundleInfo, engine: Engine, deployed: DeployedModel | None, *, single_look: bool) -> None:
        """Args: the bundle's facts; what answers; the same in torch on `engine`'s device, None for INT8."""
        self.info = info
        self.engine = engine
        self.deployed = deployed
        self.single_look = single_look
        self.lock = threading.RLock()
        """Held while hooks lie on the network, and while the engine answers."""
        self._known: dict[Any, Any] = {}

    @property
    def explained(self) -> str:
        """What the maps explain, in words."""
        if self.single_look:
            return "a single look at the tile as it lies, at one size, with the bundle's temperature"
        return "the probability that the bundle gives, with all orientations and sizes that it averages over"

    def known(self, what: Hashable, find: Callable[[], Found]) -> Found:
        """Something that stays true of this model and costs a run of it: found once, one thread at a time."""
        with self.lock:
            if what not in self._known:
                self._known[what] = find()
            return cast(Found, self._known[what])

    def probabilities(self, tiles: NDArray[np.uint8]) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 → (N, classes)."""
        with self.lock:
            parts = [self.engine.predict(part).probabilities for part in batches(tiles, TILES_AT_ONCE)]
        return np.concatenate([np.empty((0, len(self.info.classes.names)), np.float32), *parts])

    def log_odds(self, tiles: NDArray[np.uint8], target: int) -> NDArray[np.float32]:
        """(N, H, W, 3) uint8 → (N,): ln(p / (1 − p)) of class `target`, from the probabilities that are deployed."""
        found = self.probabilities(tiles).astype(np.float64)
        rest = np.delete(found, target, axis=1).sum(1)  # not 1 − p, which has no digits left where p is near 1
        odds = np.log(np.maximum(found[:, target], LEAST)) - np.log(np.maximum(rest, LEAST))
        return np.asarray(odds, np.float32)

    def score(self, pixels: Tensor, target: int) -> Tensor:
        """(N, H, W, 3) float on the scale 0–255 → (N,): the same log-odds in torch, with a gradient."""
        model = self.network()
        logits = model.logits(pixels)[0] / model.temperature
        others = [number for number in range(logits.shape[1]) if number != target]
        return logits[:, target] - torch.logsumexp(logits[:, others], dim=1)

    def network(self) -> DeployedModel:
        """The model in torch.

        Raises:
            SentinodeError: There is none.
        """
        if self.deployed is None:
            raise SentinodeError(f"bundle {self.info.name} is INT8, which has no network in torch to look into")
        return self.deployed

    def pixels(self, tiles: NDArray[np.uint8]) -> Tensor:
        """(N, H, W, 3) uint8 → the same as floats on the network's device, ready for a gradient."""
        return torch.from_numpy(tiles.astype(np.float32)).to(self.network().temperature.device).requires_grad_()

    def for_gradients(self, tiles: NDArray[np.uint8]) -> Iterator[NDArray[np.uint8]]:
        """`tiles` in parts that fit into memory with gradients.

        Raises:
            DataError: Not even one does.
        """
        seen = self.info.pixels_an_image(*tiles.shape[1:3])
        if seen > GRADIENT_PIXELS:
            raise DataError(
                f"an image of {tiles.shape[2]}×{tiles.shape[1]} px is {seen / 1e6:.1f} million pixels to the network, "
                f"and methods that need gradients take {GRADIENT_PIXELS / 1e6:.0f} million; crop it, or use occlusion"
            )
        return batches(tiles, max(1, GRADIENT_PIXELS // seen))

    def randomised(self, seed: int) -> "ExplainableModel":
        """The same model with the weights of every layer shuffled within each tensor: it has learned nothing.

        Shuffled rather than drawn anew, so that activations keep their scale whatever the architecture.
        """
        with self.lock:  # no hooks are to be copied
            model = copy.deepcopy(self.network())
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in model.parameters():
                order = torch.randperm(parameter.numel(), generator=generator).to(parameter.device)
                parameter.copy_(parameter.reshape(-1)[order].reshape(parameter.shape))
        engine = TorchEngine(model, self.info, None)
        return ExplainableModel(self.info, engine, model, single_look=self.single_look)


def open_model(
    bundle: Bundle, *, engine: str = "auto", threads: int | None = None, single_look: bool = False
) -> ExplainableModel:
    """Open a bundle for explaining; this checks that it answers its example as recorded.

    Args:
        bundle: From `open_bundle`.
        engine: What answers when tiles are perturbed: as for `open_engine`. Gradients are always torch's.
        threads: CPU threads; None: as many as there are cores.
        single_look: Explain one look at the tile, not the average over orientations and sizes. Faster, and another
            function than the one that is deployed.

    Raises:
        SentinodeError: A single look of an INT8 bundle was asked for, which has none; or the bundle normalises stain.
        BundleError: The bundle answers differently than recorded.
    """
    bundle.info.refuse_context("maps are of tiles alone")
    if bundle.info.input.stain:
        # Its map would be of an image that nobody sees, and each perturbed one would be normalised differently.
        raise SentinodeError(
            f"bundle {bundle.name} normalises stain, and can't be explained; explain one that was trained with "
            'stain.normalise = "none"'
        )
    if single_look:
        return _single_look(bundle, threads)
    answering = open_engine(bundle, engine, threads=threads)
    if bundle.info.precision == "int8":
        return ExplainableModel(bundle.info, answering, None, single_look=False)
    model = _prepared(load_deployed(bundle))
    if torch.cuda.is_available():
        model = model.to("cuda")
    return ExplainableModel(bundle.info, answering, model, single_look=False)


def _single_look(bundle: Bundle, threads: int | None) -> ExplainableModel:
    """The network alone, whatever engine was asked for: no graph of a bundle leaves its averaging out."""
    if bundle.info.precision == "int8":
        raise SentinodeError(f"bundle {bundle.name} is INT8, whose averaging can't be taken out; leave it in")
    model = _prepared(load_deployed(bundle))
    check_example(bundle, TorchEngine(model, bundle.info, threads))
    for member in members_of(model):
        member.test_time = "none"
        member.further = torch.nn.ModuleList()
    return ExplainableModel(bundle.info, TorchEngine(model, bundle.info, threads), model, single_look=True)


def members_of(model: DeployedModel) -> list[DeployedModel]:
    """The members of an ensemble, or the model itself: each has one network of its own."""
    if isinstance(model.network, EnsembleNetwork):
        return [cast(DeployedModel, member) for member in model.network.members]
    return [model]


def batches(tiles: NDArray[np.uint8], size: int) -> Iterator[NDArray[np.uint8]]:
    """`tiles` in parts of at most `size`."""
    return (tiles[start : start + size] for start in range(0, len(tiles), size))


def _prepared(model: DeployedModel) -> DeployedModel:
    """Without gradients of weights, which nobody asks for, and with every layer's own output to be had."""
    model.requires_grad_(False)
    for module in model.modules():
        if getattr(module, "inplace", False):
            module.inplace = False  # type: ignore[assignment]
        if hasattr(module, "fused_attn"):
            module.fused_attn = False  # type: ignore[assignment]
    return model
