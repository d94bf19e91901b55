"""Running a bundle. Every engine gives the same answers within 1e-3, and shows so on the bundle's example first."""

import abc
import importlib.util
import shutil
from collections.abc import Sequence
from itertools import groupby
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, get_args

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import BundleError, DataError, SentinodeError
from sentinode.core.extras import require
from sentinode.models.bundle import Bundle
from sentinode.models.info import BundleInfo

if TYPE_CHECKING:  # torch takes seconds to import, and OpenVINO runs without it
    from sentinode.models.deployed import DeployedModel

EngineName = Literal["auto", "openvino", "torch"]

AGREEMENT = 1e-3
"""Largest difference of a probability, or of an embedding in units of its largest value, between two engines."""

# INT8 kernels round and saturate differently from one processor generation to the next.
_INT8_AGREEMENT = 0.05


PHOTOGRAPHS = 8
"""Images in memory at a time where they may be of any size."""

PIXELS_AT_ONCE = 40_000_000
"""Most pixels that the network sees at a time where images of any size are taken; one costs SqueezeNet 140 bytes."""


class Scores(NamedTuple):
    """Answers for N tiles."""

    probabilities: NDArray[np.float32]
    """(N, classes), rows sum to 1."""

    embedding: NDArray[np.float32]
    """(N, D)."""


class Engine(abc.ABC):
    """A bundle that is ready to run."""

    name: str

    def __init__(self, info: BundleInfo) -> None:
        self.info = info

    def predict(self, tiles: NDArray[np.uint8]) -> Scores:
        """Score tiles, in batches of a bounded size however many there are.

        Args:
            tiles: (N, H, W, 3) uint8, RGB, of the bundle's tile size; N may be 0. A bundle that pools takes images of
                any size from that of a tile on.

        Raises:
            DataError: Another type or shape, or images that are too large for one pass.
        """
        if not isinstance(tiles, np.ndarray) or tiles.dtype != np.uint8:
            kind = getattr(tiles, "dtype", type(tiles).__name__)
            raise DataError(f"tiles are of type {kind}; the model takes uint8 with values 0 to 255")
        self.check_shape(tiles.shape)
        count = len(tiles)
        scores = Scores(
            np.empty((count, len(self.info.classes.names)), np.float32),
            np.empty((count, self.info.embedding_size), np.float32),
        )
        if count:
            self._fill(tiles, scores)
        return scores

    def check_shape(self, shape: tuple[int, ...]) -> None:
        """Refuse a shape that tiles or images to predict can't have.

        Raises:
            DataError: It is one.
        """
        size, pools = self.info.input.tile_size, bool(self.info.input.pooling)
        fits = len(shape) == 4 and shape[3] == 3
        if not pools and not (fits and shape[1:3] == (size, size)):
            raise DataError(f"tiles have shape {shape}; the model takes (N, {size}, {size}, 3), RGB")
        if pools and not (fits and min(shape[1:3]) >= size):
            raise DataError(f"images have shape {shape}; the model takes (N, H, W, 3), RGB, H and W at least {size}")
        if pools and (seen := self.info.pixels_an_image(shape[1], shape[2])) > PIXELS_AT_ONCE:
            raise DataError(
                f"an image of {shape[2]}×{shape[1]} px is {seen / 1e6:,.0f} million pixels to the network, which takes "
                f"{PIXELS_AT_ONCE / 1e6:.0f} million at once; shrink it or crop it"
            )

    @abc.abstractmethod
    def _fill(self, tiles: NDArray[np.uint8], scores: Scores) -> None:
        """Write the answers for the tiles, of which there is at least one, into `scores`."""


def open_engine(bundle: Bundle, name: str = "auto", *, threads: int | None = None) -> Engine:
    """Load a bundle into an engine, and check that it answers the bundle's example as recorded.

    Args:
        bundle: From `open_bundle`.
        name: `openvino`, `torch`, or `auto`: torch where it finds a CUDA device, otherwise OpenVINO.
        threads: CPU threads; None: as many as there are cores.

    Raises:
        SentinodeError: There is no engine of that name, or it can't run this bundle.
        MissingExtraError: The engine is not installed.
        BundleError: It answers differently than recorded.
    """
    name = engine_name(name, bundle.info.precision)
    engine: Engine
    if name == "torch":
        if bundle.info.precision == "int8":
            raise SentinodeError(
                f"bundle {bundle.folder} is quantised to INT8, which engine torch can't run; use openvino"
            )
        require("torch", extra="models")
        from sentinode.models.loading import load_deployed
        from sentinode.models.torch_engine import TorchEngine

        engine = TorchEngine(load_deployed(bundle), bundle.info, threads)
    else:
        from sentinode.models.openvino_engine import OpenVinoEngine

        engine = OpenVinoEngine(bundle.graph, bundle.info, threads)
    check_example(bundle, engine)
    return engine


def engine_of(deployed: "DeployedModel", info: BundleInfo, name: str = "auto", *, threads: int | None = None) -> Engine:
    """Run a model that is in no bundle yet; arguments as for `open_engine`.

    Args:
        deployed: On the CPU and nobody else's: it may be moved, and its weights rounded to how they will be stored.
        info: What an engine has to know of it.
    """
    if engine_name(name, info.precision) == "torch":
        from sentinode.models.torch_engine import TorchEngine

        return TorchEngine(deployed, info, threads)
    from sentinode.models.export import export_graph
    from sentinode.models.openvino_engine import OpenVinoEngine

    return OpenVinoEngine(export_graph(deployed, info.model.storage).SerializeToString(), info, threads)


def engine_name(name: str, precision: str) -> str:
    """The engine that `name` stands for: itself, or for `auto` the best one here for weights of this precision.

    Raises:
        SentinodeError: There is no engine of that name.
    """
    if name not in get_args(EngineName):
        raise SentinodeError(f"there is no engine {name!r}; use {', '.join(get_args(EngineName))}")
    if name != "auto":
        return name
    return "torch" if precision != "int8" and _has_cuda() else "openvino"


def probabilities_of(engine: Engine, images: Sequence[NDArray[np.uint8]]) -> NDArray[np.float32]:
    """(N, classes): the answers to images (H, W, 3) that may differ in size, where the bundle takes such.

    Neighbours of one size go through together.
    """
    parts = [engine.predict(np.stack(list(group))) for _, group in groupby(images, key=np.shape)]
    empty = np.empty((0, len(engine.info.classes.names)), np.float32)
    return np.concatenate([empty, *(part.probabilities for part in parts)])


def usable_engines(bundle: Bundle) -> list[str]:
    """Names of the engines that are installed and can run `bundle`."""
    torch_runs = bundle.info.precision != "int8" and importlib.util.find_spec("torch") is not None
    return ["openvino", "torch"] if torch_runs else ["openvino"]


def check_example(bundle: Bundle, engine: Engine) -> None:
    """Run a bundle's example.

    Raises:
        BundleError: The answers differ from those that were recorded when it was written.
    """
    example = bundle.example()
    try:
        scores = engine.predict(example["tiles"])
        worst = max(_difference(example, scores, field) for field in Scores._fields)
    except (KeyError, ValueError) as error:
        raise BundleError(f"the example of bundle {bundle.folder} does not suit it ({error}); get it again") from error
    allowed = _INT8_AGREEMENT if bundle.info.precision == "int8" else AGREEMENT
    if not worst <= allowed:
        raise BundleError(
            f"bundle {bundle.folder} answers its example differently than recorded: by {worst:.2g} with engine "
            f"{engine.name}, where {allowed:g} is allowed; get the bundle again, or try another engine"
        )


def _difference(example: dict[str, NDArray[Any]], scores: Scores, field: str) -> float:
    expected, found = example[field], getattr(scores, field)
    if expected.shape != found.shape:
        raise ValueError(f"{field} of shape {found.shape} instead of {expected.shape}")
    return float(np.abs(found - expected).max(initial=0) / max(1.0, np.abs(expected).max(initial=0)))


def _has_cuda() -> bool:
    """Whether torch would find a CUDA device; torch, which takes seconds to import, is asked only if it may."""
    driver = shutil.which("nvidia-smi") or any(Path(device).exists() for device in ("/dev/nvidiactl", "/dev/dxg"))
    if not driver or importlib.util.find_spec("torch") is None:
        return False
    import torch

    return torch.cuda.is_available()
