"""An INT8 version of a bundle: calibrated and measured on validation, refused when it is worse than the original."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.core.progress import SILENT, Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset, Images
from sentinode.metrics.comparison import Comparison, compare
from sentinode.models.bundle import BUNDLE_FOLDER, Bundle, open_bundle
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.onnx_graph import model_bytes
from sentinode.models.quantization import graph_engine, quantize_graph, write_quantized_bundle
from sentinode.studies.bundle_recipe import recipe_of
from sentinode.studies.measured_split import load_split
from sentinode.training.calibration_fit import calibrate, predictions_of

LARGEST_FALL = 0.002
"""Largest fall of the AUC, beyond which the quantised model is refused."""

_CALIBRATION_TILES = 300  # NNCF's own default; the ranges of activations need no more
_SLAB = 512
_TINY = 1e-30  # a probability that float32 has as zero

_Answers = tuple[NDArray[np.float64], float | None]
"""Probabilities (n, classes), and the threshold that goes with them."""


@dataclass(frozen=True)
class QuantizationResult:
    """A quantised bundle, and how it compares with the original on the validation split."""

    bundle: Bundle
    comparison: Comparison
    agreement: float
    """Share of the images on which both decide alike, each at its own threshold."""
    rates: tuple[float, float]
    """Images per second of the original and of the quantised model, measured in turn on the same images."""
    sizes: tuple[int, int]
    """Bytes of the two graphs with their weights."""

    def to_json(self) -> dict[str, Any]:
        """A machine's answer."""
        return {
            "bundle": str(self.bundle.folder),
            "comparison": self.comparison.to_json(),
            "agreement": self.agreement,
            "images_per_second": {"original": round(self.rates[0], 1), "int8": round(self.rates[1], 1)},
            "graph_bytes": {"original": self.sizes[0], "int8": self.sizes[1]},
        }

    def summary(self) -> str:
        """A few lines for a person."""
        first, second = self.comparison.metrics_a["auc"], self.comparison.metrics_b["auc"]
        change = self.comparison.differences["auc"].as_difference()
        return "\n".join(
            [
                f"validation ({plural(self.comparison.n, 'image')})      original → INT8",
                f"  AUC         {first.value:.4f} → {second.value:.4f}, difference {change}",
                f"  decisions   {self.agreement:.1%} alike",
                f"  images/s    {self.rates[0]:,.0f} → {self.rates[1]:,.0f} (× {self.rates[1] / self.rates[0]:.2f})",
                f"  graph       {self.sizes[0] / 1e6:.2f} → {self.sizes[1] / 1e6:.2f} MB",
                f"bundle    {self.bundle.folder}",
            ]
        )


def quantize_bundle(
    name: str | Path,
    address: str,
    out: str | Path,
    *,
    overrides: Sequence[str] = (),
    settings: Settings | None = None,
    progress: Progress = SILENT,
) -> QuantizationResult:
    """Quantise a bundle to INT8 and write it, with temperature, threshold and band fitted again.

    Args:
        name: A bundle's folder or a shipped name.
        address: The data's; its validation split, as the bundle's own recipe shares it out, is used.
        out: The new bundle's folder; a bundle that is there is replaced.
        overrides: `data.key=value`, over what the bundle's recipe says of data.
        settings: The machine's; None: by the environment.
        progress: Where to show how far it is.

    Raises:
        EvaluationError: The AUC falls by more than `LARGEST_FALL`; nothing is written.
        BundleError: The bundle is INT8 already.
        StorageError: `out` holds something else than a bundle.
    """
    out, settings = Path(out), settings or Settings.from_environment()
    bundle = open_bundle(name)
    BUNDLE_FOLDER.check(out)
    data = load_split(bundle, address, "validation", overrides, settings, progress).data
    images, recipe = data.images("validation"), recipe_of(bundle)
    chosen = np.random.default_rng(recipe.seed).permutation(len(images))[:_CALIBRATION_TILES]
    with progress.bar("calibrating INT8", None, "images"):
        graph = quantize_graph(bundle, images[np.sort(chosen)])
    engines = (
        open_engine(bundle, "openvino", threads=settings.threads),
        graph_engine(graph, bundle.info, threads=settings.threads),
    )
    (before, after), rates = _score_in_turn(engines, images, progress)
    threshold = bundle.info.threshold.value if bundle.info.threshold else None
    # Before anything is fitted to it: a model that has lost too much may not even allow a threshold.
    _refuse_a_fall(bundle, _compare(data, (before, threshold), (after, threshold))[0].differences["auc"])
    logits = (np.log(np.maximum(after, _TINY)) * bundle.info.temperature).astype(np.float32)
    calibration = calibrate(logits, data, recipe.evaluation, recipe.seed)
    calibrated = softmax(logits.astype(np.float64) / calibration.temperature, axis=1)
    point = calibration.threshold.value if calibration.threshold else None
    comparison, agreement = _compare(data, (before, threshold), (calibrated, point))
    written = write_quantized_bundle(
        bundle,
        graph,
        out,
        temperature=calibration.temperature,
        threshold=calibration.threshold,
        low_confidence=calibration.band,
        limits=(_limit(comparison, agreement),),
    )
    sizes = (model_bytes(bundle.graph), model_bytes(written.graph))
    return QuantizationResult(written, comparison, agreement, rates, sizes)


def _score_in_turn(
    engines: tuple[Engine, Engine], images: Images, progress: Progress
) -> tuple[tuple[NDArray[np.float64], NDArray[np.float64]], tuple[float, float]]:
    """Probabilities of both, and their images per second: slab by slab in turn, as a machine's speed swings."""
    parts: tuple[list[NDArray[np.float64]], ...] = ([], [])
    seconds = [0.0, 0.0]
    for part in progress.slabs("measuring", len(images), _SLAB):
        slab = np.ascontiguousarray(images[part])
        for which, engine in enumerate(engines):
            begin = time.perf_counter()
            parts[which].append(engine.predict(slab).probabilities.astype(np.float64))
            seconds[which] += time.perf_counter() - begin
    rates = (len(images) / seconds[0], len(images) / seconds[1])
    return (np.concatenate(parts[0]), np.concatenate(parts[1])), rates


def _compare(data: Dataset, before: _Answers, after: _Answers) -> tuple[Comparison, float]:
    """The two models' figures, and the share of the images on which they decide alike."""
    models = [
        (name, predictions_of(data.manifest, "validation", probabilities), threshold)
        for name, (probabilities, threshold) in (("original", before), ("INT8", after))
    ]
    decided = [predictions.decisions(threshold).classes for _, predictions, threshold in models]
    return compare(models)[0], float((decided[0] == decided[1]).mean())


def _refuse_a_fall(bundle: Bundle, difference: Metric) -> None:
    if difference.value is not None and difference.value < -LARGEST_FALL:
        raise EvaluationError(
            f"quantised to INT8, {bundle.name} has an AUC on validation that is lower by {-difference.value:.4f} "
            f"({difference.as_difference()}); at most {LARGEST_FALL} is accepted, so nothing was written; "
            "stay with the original"
        )


def _limit(comparison: Comparison, agreement: float) -> str:
    return (
        f"Quantised to INT8: against the original on {plural(comparison.n, 'validation tile')}, AUC "
        f"difference {comparison.differences['auc'].as_difference()}; {agreement:.1%} of the decisions are alike."
    )
