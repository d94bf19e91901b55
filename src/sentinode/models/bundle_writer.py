"""Writing a bundle: as a whole and found good, or not at all."""

import shutil
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import torch
from jinja2 import Environment, PackageLoader, StrictUndefined
from numpy.typing import NDArray
from onnx import ModelProto
from safetensors.torch import save

from sentinode.core.files import atomic_folder
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import (
    CARD_FILE,
    EXAMPLE_FILE,
    GRAPH_FILE,
    REFERENCE_FILE,
    SEEN_FILE,
    WEIGHTS_FILE,
    BundleInfo,
)
from sentinode.models.bundle_seal import write_sealed
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.model_config import Storage
from sentinode.models.networks.heads import can_be_halved
from sentinode.models.networks.network import Network
from sentinode.models.onnx_export import export_graph
from sentinode.models.onnx_graph import refer_to_weights

_LIBRARIES = ("sentinode", "torch", "torchvision", "timm", "openvino", "onnx", "onnxscript", "scikit-learn", "numpy")

Arrays = Mapping[str, NDArray[Any]]


def write_bundle(
    folder: Path,
    info: BundleInfo,
    deployed: DeployedModel,
    *,
    example_tiles: NDArray[np.uint8],
    reference: Arrays,
    seen: Arrays | None = None,
) -> Bundle:
    """Export a model and write it with all that belongs to it; a bundle that is there is replaced.

    Args:
        folder: Where to.
        info: All that is known; `files` is filled in. `model`, `temperature` and so on must be those of `deployed`.
        deployed: The model on the CPU. Its weights are rounded in place to `info.model.storage`.
        example_tiles: (n, H, W, 3) uint8: a few tiles whose answers every later loading must reproduce.
        reference: Named arrays of equal length: a sample of embeddings, scores and stain statistics.
        seen: Sorted uint64 pixel hashes of the images that it has learned from, by split.

    Returns:
        The bundle, opened.

    Raises:
        BundleError: The exported graph answers differently than the model; nothing is written.
        StorageError: The disk is full or the folder can't be written.
    """
    storage = info.model.storage
    graph = export_graph(deployed, storage)  # rounds the weights: the example comes after it
    with torch.inference_mode():
        probabilities, embedding = deployed.eval()(torch.from_numpy(np.ascontiguousarray(example_tiles)))
    example = {"tiles": example_tiles, "probabilities": probabilities.numpy(), "embedding": embedding.numpy()}
    with atomic_folder(folder) as temporary:
        _save_weights(deployed.network, storage, temporary / WEIGHTS_FILE)
        sealed = seal(temporary, info, graph, example=example, reference=reference, seen=seen)
    return Bundle(str(folder), folder, sealed)


def seal(
    folder: Path, info: BundleInfo, graph: ModelProto, *, example: Arrays, reference: Arrays, seen: Arrays | None
) -> BundleInfo:
    """Write everything but the weights, which are in `folder` already, and check that the example comes out right.

    Returns:
        The facts with the hash of every file, as they were written.

    Raises:
        BundleError: The graph answers the example differently.
    """
    refer_to_weights(graph, folder / WEIGHTS_FILE)
    onnx.save_model(graph, folder / GRAPH_FILE)
    arrays = {EXAMPLE_FILE: example, REFERENCE_FILE: reference, **({SEEN_FILE: seen} if seen else {})}
    for file, content in arrays.items():
        np.savez_compressed(folder / file, allow_pickle=False, **content)
    (folder / CARD_FILE).write_text(render_card(info), encoding="utf-8")
    sealed = write_sealed(folder, info)
    open_engine(Bundle(str(folder), folder, sealed), "openvino")
    return sealed


def amend(bundle: Bundle, **changes: Any) -> Bundle:
    """Write a bundle anew with other fields of `BundleInfo` that describe it (metrics, limits, provenance).

    The model's own files stay as they are; the card and `bundle.json` follow the fields.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    info = bundle.info.model_copy(update=changes)
    with atomic_folder(bundle.folder) as temporary:
        for name in bundle.info.files:
            shutil.copyfile(bundle.folder / name, temporary / name)
        (temporary / CARD_FILE).write_text(render_card(info), encoding="utf-8")
        info = write_sealed(temporary, info)
    return Bundle(bundle.name, bundle.folder, info)


def render_card(info: BundleInfo) -> str:
    """`MODEL_CARD.md`, for a person: what the model is, what it was trained on, what it measured, its limits."""
    environment = Environment(
        loader=PackageLoader("sentinode.models"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown for reading in an editor, not a page
    )
    environment.filters["number"] = _number
    return environment.get_template("model_card.md.j2").render(info=info)


def library_versions() -> dict[str, str]:
    """Name and version of the installed libraries that a model's numbers depend on."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def _save_weights(network: Network, storage: Storage, path: Path) -> None:
    halved = can_be_halved(network) if storage == "float16" else set()
    tensors = {
        name: (tensor.half() if name in halved else tensor.clone()).contiguous()
        for name, tensor in network.state_dict().items()
    }
    path.write_bytes(save(tensors))


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}" if abs(value) < 1e-3 else f"{value:.3f}"
