"""Writing a bundle: as a whole and found good, or not at all."""

import datetime
import shutil
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sentinode.core.files import atomic_folder
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import (
    CARD_FILE,
    EXAMPLE_FILE,
    FORMAT_VERSION,
    INFO_FILE,
    REFERENCE_FILE,
    SEEN_FILE,
    BundleInfo,
)
from sentinode.models.bundle_seal import write_sealed
from sentinode.models.card import card_template
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.graph_folder import write_graph_folder

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
    with atomic_folder(folder) as temporary:
        write_graph_folder(deployed, info.model.storage, temporary)  # rounds the weights: the example comes after it
        example = _example(deployed, info, example_tiles)
        sealed = seal(temporary, info, example=example, reference=reference, seen=seen)
    return Bundle(str(folder), folder, sealed)


def _example(deployed: DeployedModel, info: BundleInfo, tiles: NDArray[np.uint8]) -> Arrays:
    stain = info.input.stain
    seen_tiles = tiles if stain is None else stain.each(tiles)[0]
    with torch.inference_mode():
        probabilities, embedding = deployed.eval()(torch.from_numpy(np.ascontiguousarray(seen_tiles)))
    return {"tiles": tiles, "probabilities": probabilities.numpy(), "embedding": embedding.numpy()}


def seal(folder: Path, info: BundleInfo, *, example: Arrays, reference: Arrays, seen: Arrays | None) -> BundleInfo:
    """Write all but graph and weights, which are in `folder` already, and check that the example comes out right.

    Returns:
        The facts with the hash of every file, as they were written.

    Raises:
        BundleError: The graph answers the example differently.
    """
    arrays = {EXAMPLE_FILE: example, REFERENCE_FILE: reference, **({SEEN_FILE: seen} if seen else {})}
    for file, content in arrays.items():
        np.savez_compressed(folder / file, allow_pickle=False, **content)
    (folder / CARD_FILE).write_text(render_card(info), encoding="utf-8")
    sealed = write_sealed(folder / INFO_FILE, info, FORMAT_VERSION)
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
        info = write_sealed(temporary / INFO_FILE, info, FORMAT_VERSION)
    return Bundle(bundle.name, bundle.folder, info)


def render_card(info: BundleInfo) -> str:
    """`MODEL_CARD.md`, for a person: what the model is, what it was trained on, what it measured, its limits."""
    return card_template("model_card.md.j2").render(info=info)


def time_of_making() -> str:
    """Now, as `Provenance.created` has it."""
    return datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")


def library_versions() -> dict[str, str]:
    """Name and version of the installed libraries that a model's numbers depend on."""
    found = {}
    for name in _LIBRARIES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found
