"""A bundle measured on labelled data: one figure set, one report, the same at the end of training and ever after."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError, EvaluationError, LeakError
from sentinode.core.files import atomic_folder, write_json
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.config import DataConfig
from sentinode.data.dataset import Dataset, load_dataset
from sentinode.data.manifest import Manifest
from sentinode.data.roles import ROLES
from sentinode.data.selection import WHOLE, load_selection, without
from sentinode.evaluation.assessment import Assessment, assess
from sentinode.evaluation.comparison import compare
from sentinode.evaluation.comparison_report import write_comparison
from sentinode.evaluation.confidence import LowConfidenceBand
from sentinode.evaluation.predictions import Predictions
from sentinode.evaluation.predictions_csv import write_predictions
from sentinode.evaluation.report import ReportContext, write_report
from sentinode.evaluation.thresholds import OperatingPoint
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.engines import Engine, open_engine
from sentinode.training.calibration import predictions_of
from sentinode.training.recipe import load_data_config, parse_recipe

_SLAB = 2048  # images scored at a time: bounds memory, and gives the progress bar its steps


@dataclass(frozen=True)
class Scored:
    """Labelled images with a bundle's answers."""

    data: Dataset
    role: str
    predictions: Predictions


def evaluate_bundle(
    name: str,
    address: str,
    out: Path,
    *,
    split: str,
    overrides: Sequence[str] = (),
    engine: str = "auto",
    settings: Settings,
    progress: Progress,
) -> Assessment:
    """Measure a bundle on labelled data, at its own frozen threshold.

    Args:
        name: A bundle's folder or a shipped name.
        address: The data's.
        out: Folder for `metrics.json`, `predictions.csv` and `report.html`; a report that is there is replaced.
        split: `train`, `validation` or `test` as the bundle's own recipe shares the data out; one of the source's
            splits by its own name; or `all`.
        overrides: `data.key=value`, over what the bundle's recipe says of data.
        engine: `auto`, `openvino` or `torch`.
        settings: The machine's.
        progress: Where to show how far it is.

    Raises:
        DataError: The data is not what it must be, or does not have the split.
        LeakError: The bundle has learned from images of this split.
    """
    bundle = open_bundle(name)
    check_free(out)
    data, role = _load(bundle, address, split, overrides, settings, progress)
    scored = score(bundle, data, role, engine, settings, progress)
    return report_on(bundle, scored, out, split=split)


def compare_bundles(
    names: Sequence[str],
    address: str,
    out: Path,
    *,
    split: str,
    overrides: Sequence[str] = (),
    engine: str = "auto",
    settings: Settings,
    progress: Progress,
) -> list[dict[str, Any]]:
    """Compare bundles on the same images, every later one with the first, each at its own frozen threshold.

    Writes `comparison.html` and `comparison.json` into `out`. Arguments and errors as for `evaluate_bundle`.

    Raises:
        EvaluationError: Fewer than two bundles, or bundles of different classes.
    """
    bundles = [open_bundle(name) for name in names]
    if len(bundles) < 2:
        raise EvaluationError(f"{len(bundles)} bundle to compare; name at least two")
    check_free(out)
    data, role = _load(bundles[0], address, split, overrides, settings, progress)
    for bundle in bundles[1:]:
        if bundle.info.classes.names != bundles[0].info.classes.names:
            raise EvaluationError(
                f"{bundle.name} tells {', '.join(bundle.info.classes.names)} apart, {bundles[0].name} tells "
                f"{', '.join(bundles[0].info.classes.names)}; compare bundles of the same classes"
            )
        data = unseen(bundle, data, role, on_leak=_config(bundles[0], address, overrides).on_leak)
    models = [
        (bundle.name, score(bundle, data, role, engine, settings, progress).predictions, _value(bundle))
        for bundle in bundles
    ]
    comparisons = compare(models)
    found = [comparison.to_json() for comparison in comparisons]
    with atomic_folder(out) as temporary:
        write_json(temporary / "comparison.json", found)
        write_comparison(comparisons, models, temporary / "comparison.html", data=address, split=split)
    return found


def score(
    bundle: Bundle, data: Dataset, role: str, engine: str, settings: Settings, progress: Progress
) -> Scored:
    """Run a bundle over the images of a role, in the manifest's order."""
    runner = open_engine(bundle, engine, threads=settings.threads)
    images = data.images(role)
    parts = []
    with progress.bar(f"scoring {role}", len(images), "images") as advance:
        for start in range(0, len(images), _SLAB):
            parts.append(runner.predict(images[start : start + _SLAB]).probabilities)
            advance(len(parts[-1]))
    return Scored(data, role, predictions_of(data.manifest, role, np.concatenate(parts)))


def report_on(
    bundle: Bundle, scored: Scored, out: Path, *, split: str, log: Sequence[dict[str, float]] = (), best_epoch: int | None = None
) -> Assessment:
    """Assess and write `metrics.json`, `predictions.csv`, `report.html` and, with a log, `curves.png` into `out`."""
    info, manifest = bundle.info, scored.data.manifest
    recipe = _recipe(bundle)
    point = None if info.threshold is None else OperatingPoint.from_json(info.threshold)
    band = None if info.low_confidence is None else LowConfidenceBand.from_json(info.low_confidence)
    assessment = assess(
        scored.predictions,
        threshold=point,
        band=band,
        temperature=info.temperature,
        targets=recipe.evaluation.targets if recipe else (),
        split=split,
    )
    images = scored.data.images(scored.role)
    context = ReportContext(
        model=bundle.name,
        data=recipe.data.source if recipe and log else split,
        grouping=manifest.grouping,
        exclusions=manifest.excluded(),
        provenance={},
        recipe=recipe.to_toml() if recipe else "",
        log=log,
        best_epoch=best_epoch,
    )
    with atomic_folder(out) as temporary:
        write_json(temporary / "metrics.json", assessment.to_json())
        write_predictions(temporary / "predictions.csv", scored.predictions, point and point.value, band)
        write_report(assessment, scored.predictions, context, temporary / "report.html", images.__getitem__)
        if log:
            save_png(training_curves(log, best_epoch=best_epoch), temporary / "curves.png")
    return assessment
