"""Running a bundle. Every engine gives the same answers within 1e-3, and shows so on the bundle's example first.

The engines are imported where they are opened: each loads its library, torch or OpenVINO, which takes seconds, and
torch need not be installed.
"""

import importlib.util
import shutil
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import BundleError, SentinodeError
from sentinode.core.extras import require
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import GRAPH_FILE, GRAPH_LIMIT, BundleInfo
from sentinode.models.engines.engine import Engine, Scores
from sentinode.models.engines.stain_engine import StainEngine

if TYPE_CHECKING:
    from sentinode.models.deployed_model import DeployedModel

EngineName = Literal["auto", "openvino", "torch"]

AGREEMENT = 1e-3
"""Largest difference of a probability, or of an embedding in units of its largest value, between two engines."""

# INT8 kernels round and saturate differently from one processor generation to the next.
_INT8_AGREEMENT = 0.05


def open_engine(bundle: Bundle, name: str = "auto", *, threads: int | None = None) -> Engine:
    """Load a bundle into an engine, and check that it answers the bundle's example as recorded.

    Args:
        bundle: From `open_bundle`.
        name: `openvino`, `torch`, or `auto`: torch where it finds a CUDA device, otherwise OpenVINO.
        threads: CPU threads; None: as many as there are cores.

    Raises:
        SentinodeError: There is no engine of that name, or it can't run this bundle.
        MissingExtraError: The engine is not installed.
        BundleError: Its graph or its weights can't be read, or it answers differently than recorded.
    """
    name = engine_name(name, bundle.info.precision)
    engine: Engine
    if name == "torch":
        if bundle.info.precision == "int8":
            raise SentinodeError(
                f"bundle {bundle.folder} is quantised to INT8, which engine torch can't run; use openvino"
            )
        require("torch", extra="torch")
        from sentinode.models.bundle_network import load_deployed
        from sentinode.models.engines.torch_engine import TorchEngine

        engine = TorchEngine(load_deployed(bundle), bundle.info, threads)
    else:
        from sentinode.models.engines.openvino_engine import OpenVinoEngine

        try:
            engine = OpenVinoEngine(bundle.graph, bundle.info, threads)
        except RuntimeError as error:  # OpenVINO's only one, with pages of text
            raise BundleError(f"{bundle.graph} is no graph that can be run; get the bundle again") from error
    engine = with_stain(engine)
    check_example(bundle, engine)
    return engine


def engine_of(
    deployed: "DeployedModel",
    info: BundleInfo,
    name: str = "auto",
    *,
    threads: int | None = None,
    limit: int = GRAPH_LIMIT,
) -> Engine:
    """Run a model that is in no bundle yet; arguments as for `open_engine`.

    Args:
        deployed: On the CPU and nobody else's: it may be moved, and its weights rounded to how they will be stored.
        info: What an engine has to know of it.
        limit: Bytes of weights above which OpenVINO reads them from a temporary folder.
    """
    if engine_name(name, info.precision) == "torch":
        from sentinode.models.engines.torch_engine import TorchEngine

        return with_stain(TorchEngine(deployed, info, threads))
    from sentinode.models.engines.openvino_engine import OpenVinoEngine
    from sentinode.models.graph_folder import write_graph_folder
    from sentinode.models.onnx_export import export_graph, fits

    if fits(deployed, limit):
        graph = export_graph(deployed, info.model.storage).SerializeToString()
        return with_stain(OpenVinoEngine(graph, info, threads))
    with TemporaryDirectory(prefix="sentinode-") as folder:
        write_graph_folder(deployed, info.model.storage, Path(folder))
        return with_stain(OpenVinoEngine(Path(folder) / GRAPH_FILE, info, threads, transient=True))


def with_stain(engine: Engine) -> Engine:
    """The engine behind the stain normalisation that its bundle wants, if it wants one."""
    target = engine.info.input.stain
    return engine if target is None else StainEngine(engine, target)


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
    except (KeyError, ValueError, RuntimeError) as error:
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
