"""From fitted weights to a bundle and its report: calibration on validation, export, one look at the test split."""

import datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from sentinode.core.files import sha256_of_json
from sentinode.core.progress import Progress
from sentinode.core.settings import Settings
from sentinode.data.dataset import Dataset
from sentinode.evaluation.assessment.assessing import Assessment
from sentinode.models.bundle_writing import amend, library_versions, write_bundle
from sentinode.models.deployed import DeployedModel
from sentinode.models.export import round_weights
from sentinode.models.info import BundleInfo, Classes, Figure, Headline, Input, LowConfidence, Provenance, Threshold
from sentinode.training.assessment import report_on, score
from sentinode.training.calibration import Calibration, calibrate
from sentinode.training.callbacks import best_epoch
from sentinode.training.enclosures import example_tiles, pixel_hashes, reference, reference_tiles
from sentinode.training.fitting import Fitted
from sentinode.training.recipe import Recipe

_BATCH = 256
_HEADLINE = ("auc", "average_precision", "sensitivity", "specificity", "precision", "npv", "f1", "accuracy", "brier")


def finish(
    recipe: Recipe, data: Dataset, fitted: Fitted, run: Path, *, settings: Settings, progress: Progress
) -> Assessment:
    """Write `bundle/` and `report/` into the run folder.

    The report is of the test split, or of validation where there is no test split, and then says so.

    Raises:
        EvaluationError: The threshold's rule can't be met on the validation split.
        BundleError: The exported graph answers differently than the network.
    """
    round_weights(fitted.network, recipe.model.storage)  # so that what is calibrated is what is stored
    deployed = DeployedModel(
        fitted.network,
        fitted.preprocessing,
        head=recipe.model.head,
        test_time=recipe.model.test_time,
        test_time_sizes=recipe.model.test_time_sizes,
    )
    logits = _logits(deployed, data, "validation", progress)
    calibration = calibrate(logits, data, recipe.evaluation, recipe.seed)
    deployed.temperature.fill_(calibration.temperature)
    bundle = write_bundle(
        run / "bundle",
        _info(recipe, data, fitted, calibration),
        deployed,
        example_tiles=example_tiles(fitted.preprocessing.tile_size),
        reference=_reference(deployed, reference_tiles(data, recipe.seed), progress),
        seen={role: pixel_hashes(data, role) for role in ("train", "validation")},
    )
    role = "test" if len(data.manifest.rows("test")) else "validation"
    scored = score(bundle, data, role, recipe.data.source, "openvino", settings, progress)
    kept = best_epoch(fitted.log, recipe.training) if recipe.training.keep == "best" else None
    assessment = report_on(bundle, scored, run / "report", split=role, log=fitted.log, best_epoch=kept)
    amend(bundle, metrics=_headline(assessment))
    return assessment


def _logits(deployed: DeployedModel, data: Dataset, role: str, progress: Progress) -> NDArray[np.float32]:
    images = data.images(role)
    parts = []
    with progress.bar("calibrating", len(images), "images") as advance, torch.inference_mode():
        for start in range(0, len(images), _BATCH):
            logits, _ = deployed.eval().logits(torch.from_numpy(images[start : start + _BATCH]))
            parts.append(logits.numpy())
            advance(len(logits))
    return np.concatenate(parts)


def _reference(deployed: DeployedModel, tiles: NDArray[np.uint8], progress: Progress) -> dict[str, NDArray[Any]]:
    probabilities, embeddings = [], []
    with progress.bar("reference", len(tiles), "images") as advance, torch.inference_mode():
        for start in range(0, len(tiles), _BATCH):
            answer = deployed.eval()(torch.from_numpy(tiles[start : start + _BATCH]))
            probabilities.append(answer[0].numpy())
            embeddings.append(answer[1].numpy())
            advance(len(answer[0]))
    return reference(tiles, np.concatenate(probabilities), np.concatenate(embeddings))


def _info(recipe: Recipe, data: Dataset, fitted: Fitted, calibration: Calibration) -> BundleInfo:
    manifest = data.manifest
    seen = fitted.preprocessing
    model = recipe.model.model_copy(update={"mean": seen.mean, "std": seen.std})
    resolved = recipe.model_dump(mode="json", exclude_none=True)
    return BundleInfo(
        name=recipe.name or "model",
        description=recipe.description,
        classes=Classes(names=manifest.class_names, positive=manifest.positive, aliases=recipe.data.rename),
        input=Input(
            tile_size=seen.tile_size,
            mpp=data.mpp,
            input_size=seen.input_size,
            mean=seen.mean,
            std=seen.std,
        ),
        model=model,
        embedding_size=fitted.network.embedding_size,
        precision=model.storage,
        temperature=calibration.temperature,
        threshold=Threshold.model_validate(calibration.threshold.to_json()) if calibration.threshold else None,
        low_confidence=LowConfidence.model_validate(calibration.band.to_json()),
        provenance=Provenance(
            recipe=resolved,
            recipe_sha256=sha256_of_json(resolved),
            data_sha256=manifest.hash,
            split_sha256=manifest.split_hash,
            libraries=library_versions(),
            created=datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
            trained_on=_trained_on(recipe, data),
        ),
    )


def _trained_on(recipe: Recipe, data: Dataset) -> str:
    counts = {role: len(data.manifest.rows(role)) for role in ("train", "validation")}
    return (
        f"{counts['train']:,} images of {recipe.data.source}; threshold, temperature and low-confidence band were set "
        f"on {counts['validation']:,} more."
    )


def _headline(assessment: Assessment) -> Headline:
    figures = {
        name: Figure.model_validate(assessment.metrics[name].to_json())
        for name in _HEADLINE
        if name in assessment.metrics
    }
    return Headline(split=assessment.split, n=assessment.n, figures=figures)
