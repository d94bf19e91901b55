"""INT8: the weighted layers of a bundle's graph in eight bits, through NNCF's post-training quantisation."""

import contextlib
import io
import logging
import re
import shutil
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from onnx import ModelProto, NodeProto

from sentinode.core.decision import LowConfidenceBand, OperatingPoint
from sentinode.core.errors import BundleError
from sentinode.core.extras import require
from sentinode.core.files import atomic_folder
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_info import GRAPH_FILE, GRAPH_LIMIT, WEIGHTS_FILE, BundleInfo
from sentinode.models.bundle_writer import library_versions, seal, time_of_making
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.openvino_engine import OpenVinoEngine, without_telemetry
from sentinode.models.onnx_graph import (
    INPUT,
    OUTPUTS,
    check_graph,
    fold_transposes,
    model_bytes,
    read_graph,
    save_beside_weights,
    set_temperature,
    tidy,
    widen_weights,
)

_CALIBRATION_BATCH = 4
# How the exporter begins the names of a network's parameters; a member of an ensemble has other constants beside them.
_WEIGHTS = re.compile(r"network\.(?!members\.\d+\.)|network\.members\.\d+\.network\.")


def quantize_graph(bundle: Bundle, tiles: NDArray[np.uint8]) -> ModelProto:
    """Quantise the network in a bundle's graph; everything around it stays in float32.

    Preprocessing, turning and averaging, temperature and softmax are cheap and sensitive. So is the first layer: it
    sees the normalised image, and OpenVINO's CPU plugin was seen to lose 0.02 of AUC on it where onnxruntime lost
    nothing.

    Args:
        bundle: A bundle in float32 or float16.
        tiles: (n, H, W, 3) uint8: some hundreds from the validation split, to learn the ranges of activations from.

    Raises:
        BundleError: The bundle is INT8 already, normalises stain, or has a classical classifier.
        MissingExtraError: NNCF is not installed.
    """
    if bundle.info.precision == "int8":
        raise BundleError(f"bundle {bundle.name} is INT8 already; quantise the one that it was made from")
    if bundle.info.input.stain:
        raise BundleError(
            f"bundle {bundle.name} normalises stain, which INT8 bundles don't; quantise one that was trained with "
            'stain.normalise = "none"'
        )
    bundle.info.refuse_context("INT8 bundles see tiles alone")
    if bundle.info.head or any(member.head for member in bundle.info.members):
        # It was fitted on every image there was, so none is left on which temperature and threshold could be set anew.
        raise BundleError(
            f"bundle {bundle.name} has a classical classifier, which stays in float32; a network's own bundle can be "
            "quantised"
        )
    if (size := model_bytes(bundle.graph)) > GRAPH_LIMIT:
        raise BundleError(
            f"bundle {bundle.name} has a graph of {size / 1e9:.1f} GB, and NNCF takes {GRAPH_LIMIT / 1e9:.1f} GB; "
            'quantise a smaller one, or halve it with model.storage = "float16"'
        )
    with without_telemetry():
        nncf = require("nncf", extra="quantize")
    model = read_graph(bundle.graph)
    widen_weights(model)
    fold_transposes(model)
    batches = [tiles[start : start + _CALIBRATION_BATCH] for start in range(0, len(tiles), _CALIBRATION_BATCH)]
    transformer = any(node.op_type == "LayerNormalization" for node in model.graph.node)
    with _quiet():
        quantized: ModelProto = nncf.quantize(
            model,
            nncf.Dataset(batches, lambda batch: {INPUT: batch}),
            subset_size=len(batches),
            # Asymmetric activations: those of most networks are not centred.
            preset=nncf.QuantizationPreset.MIXED,
            model_type=nncf.ModelType.TRANSFORMER if transformer else None,
            ignored_scope=nncf.IgnoredScope(names=float_nodes(model), validate=False),
        )
    tidy(quantized)
    check_graph(quantized)
    return quantized


def graph_engine(graph: ModelProto, info: BundleInfo, *, threads: int | None = None) -> Engine:
    """Run a quantised graph that is not in a bundle yet; `info` is that of the bundle it was made from."""
    return OpenVinoEngine(graph.SerializeToString(), info.model_copy(update={"precision": "int8"}), threads)


def write_quantized_bundle(
    bundle: Bundle,
    graph: ModelProto,
    folder: Path,
    *,
    temperature: float,
    threshold: OperatingPoint | None,
    low_confidence: LowConfidenceBand | None,
    limits: tuple[str, ...] = (),
) -> Bundle:
    """Write a quantised graph as a bundle like any other.

    Its weights stay those of the original, for explaining and for training further. Its metrics are empty until it is
    measured.

    Args:
        bundle: The original.
        graph: From `quantize_graph`; gets the temperature.
        folder: Where to; a bundle that is there is replaced.
        temperature: Fitted again for this graph, and so are `threshold` and `low_confidence`.
        threshold: See `BundleInfo`.
        low_confidence: See `BundleInfo`.
        limits: What to know about the quantised model, beside what is true of the original.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    set_temperature(graph, temperature)
    now = time_of_making()
    origin = {"derived_from": bundle.info.files[GRAPH_FILE], "libraries": library_versions(), "created": now}
    info = bundle.info.model_copy(
        update={
            "precision": "int8",
            "temperature": temperature,
            "threshold": threshold,
            "low_confidence": low_confidence,
            "metrics": None,
            "limits": (*bundle.info.limits, *limits),
            "provenance": bundle.info.provenance.model_copy(update=origin),
        }
    )
    tiles = bundle.example()["tiles"]
    example = {"tiles": tiles, **graph_engine(graph, info).predict(tiles)._asdict()}
    with atomic_folder(folder) as temporary:
        shutil.copyfile(bundle.weights, temporary / WEIGHTS_FILE)
        save_beside_weights(graph, temporary / GRAPH_FILE)
        seal(temporary, info, example=example, reference=bundle.reference(), seen=bundle.seen())
    return Bundle(str(folder), folder, open_bundle(folder).info)


def float_nodes(model: ModelProto) -> list[str]:
    """Names of the nodes of a graph that stay in float32: those before, in and after the first and last weights."""
    weights = frozenset(tensor.name for tensor in model.graph.initializer if _WEIGHTS.match(tensor.name))
    touched: set[str] = set()  # values that were computed from weights
    inside: set[str] = set()
    for node in model.graph.node:
        if touched.intersection(node.input):
            inside.add(node.name)
        if touched.intersection(node.input) or weights.intersection(node.input):
            touched.update(node.output)
    kept = [node.name for node in model.graph.node if node.op_type != "Constant" and node.name not in inside]
    return kept + _after_last_weights(model, weights)


def _after_last_weights(model: ModelProto, weights: frozenset[str]) -> list[str]:
    maker: dict[str, NodeProto] = {output: node for node in model.graph.node for output in node.output}
    found: dict[str, None] = {}
    pending = [OUTPUTS[0]]
    while pending:
        node = maker.get(pending.pop())
        if node is None or node.name in found or node.op_type == "Constant" or weights.intersection(node.input):
            continue
        found[node.name] = None
        pending.extend(node.input)
    return list(found)


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Without NNCF's own bars and lines."""
    logger = logging.getLogger("nncf")
    level = logger.level
    logger.setLevel(logging.ERROR)
    try:
        with contextlib.redirect_stdout(io.StringIO()):
            yield
    finally:
        logger.setLevel(level)
