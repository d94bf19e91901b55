"""Writing a slide bundle: as a whole and found good, or not at all."""

import shutil
from pathlib import Path

import numpy as np
import onnx
from safetensors.torch import save_file

from sentinode.core.files import atomic_folder
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import CARD_FILE, EXAMPLE_FILE, INFO_FILE, SLIDE_INFO_FILE, TILES_FOLDER
from sentinode.models.bundle_seal import write_sealed
from sentinode.models.card import card_template
from sentinode.models.mil.aggregators.aggregator import Aggregator
from sentinode.models.mil.bag_view import ArrayBag
from sentinode.models.mil.slide_bundle import SlideBundle
from sentinode.models.mil.slide_bundle_info import (
    AGGREGATOR_FILE,
    AGGREGATOR_WEIGHTS_FILE,
    ENCODER_FILE,
    SLIDE_FORMAT_VERSION,
    SlideBundleInfo,
)
from sentinode.models.mil.slide_engine import TorchSlideEngine, open_slide_engine
from sentinode.models.mil.slide_graphs import aggregator_graph, encoder_graph, example_features


def write_slide_bundle(
    folder: Path, info: SlideBundleInfo, aggregator: Aggregator, *, tiles: Bundle | None
) -> SlideBundle:
    """Export a fitted aggregator and write it with all that belongs to it; a bundle that is there is replaced.

    Args:
        folder: Where to.
        info: All that is known; `files`, `tile_bundle` and `sha256` are filled in.
        aggregator: On the CPU.
        tiles: The bundle that the features are of, which is copied into it; None where they are of no bundle.

    Returns:
        The bundle, opened.

    Raises:
        BundleError: The exported graphs answer differently than the aggregator; nothing is written.
        StorageError: The disk is full or the folder can't be written.
    """
    aggregator = aggregator.eval()
    info = info.model_copy(update={"tile_bundle": tiles.sha256 if tiles else None})
    with atomic_folder(folder) as temporary:
        onnx.save_model(encoder_graph(aggregator), temporary / ENCODER_FILE)
        onnx.save_model(aggregator_graph(aggregator, info.calibration), temporary / AGGREGATOR_FILE)
        weights = {name: tensor.contiguous() for name, tensor in aggregator.state_dict().items()}
        save_file(weights, temporary / AGGREGATOR_WEIGHTS_FILE)
        if tiles:
            _copy(tiles, temporary / TILES_FOLDER)
        unsealed = SlideBundle(str(folder), temporary, info, tiles)
        _write_example(unsealed, aggregator)
        (temporary / CARD_FILE).write_text(card_template("slide_model_card.md.j2").render(info=info), encoding="utf-8")
        sealed = write_sealed(temporary / SLIDE_INFO_FILE, info, SLIDE_FORMAT_VERSION)
        open_slide_engine(unsealed, "openvino")
    copied = Bundle(str(folder / TILES_FOLDER), folder / TILES_FOLDER, tiles.info) if tiles else None
    return SlideBundle(str(folder), folder, sealed, copied)


def _write_example(bundle: SlideBundle, aggregator: Aggregator) -> None:
    features = example_features(aggregator)
    answer = TorchSlideEngine(bundle, None).look(ArrayBag("example", features))
    known = {field: value for field, value in answer._asdict().items() if value is not None}
    np.savez_compressed(bundle.folder / EXAMPLE_FILE, allow_pickle=False, features=features, **known)


def _copy(bundle: Bundle, folder: Path) -> None:
    """The bundle's own files, and nothing else that lies beside them."""
    folder.mkdir()
    for name in (INFO_FILE, *bundle.info.files):
        shutil.copyfile(bundle.folder / name, folder / name)
