"""From fitted weights to a bundle: calibration on validation, export. Here training ends."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from sentinode.core.errors import RecipeError
from sentinode.core.files import sha256_of_json
from sentinode.core.messages import plural
from sentinode.core.progress import Progress
from sentinode.core.stain.normaliser import StainTarget
from sentinode.core.stain.optical_density import StainError
from sentinode.data.dataset import Dataset, Images
from sentinode.data.normalised_images import normalised_copy, training_target
from sentinode.models.bundle import Bundle, open_bundle
from sentinode.models.bundle_info import BundleInfo, Classes, Input, Provenance
from sentinode.models.bundle_writer import library_versions, time_of_making, write_bundle
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.onnx_export import round_weights
from sentinode.training.bundle_contents import example_tiles, pixel_hashes, reference, reference_tiles
from sentinode.training.calibration_fit import Calibration, calibrate
from sentinode.training.callbacks import best_epoch
from sentinode.training.network_fit import Fitted, checkpoint_log, fit
from sentinode.training.recipe import Recipe

_BATCH = 256


@dataclass(frozen=True)
class TrainedNetwork:
    """What a training ends with."""

    bundle: Bundle
    """Calibrated, and not measured yet: its card has no figures."""

    log: list[dict[str, float]]
    """The rows of `log.csv`."""

    best_epoch: int | None
    """The epoch, counted from 1, whose weights validation chose; None where the recipe keeps the last ones."""


def train_network(
    recipe: Recipe, data: Dataset, folder: Path, *, threads: int, progress: Progress
) -> TrainedNetwork | None:
    """Train as `recipe` says, or go on after the last full epoch, and write `bundle/` into the folder.

    Args:
        recipe: The resolved recipe.
        data: Its data, with a split for each image.
        folder: Gets `log.csv`, `timings.csv`, `checkpoints/` and `bundle/`.
        threads: CPU threads.
        progress: Where to show how far it is.

    Returns:
        What was trained; None in every process but the first when several devices train.

    Raises:
        TrainingError, WeightsError, RecipeError: As for `fit`.
        EvaluationError: The threshold's rule can't be met on the validation split.
        BundleError: The exported graph answers differently than the network.
        KeyboardInterrupt: The user stopped it; the last full epoch is kept.
    """
    target = _stain_target(recipe, data)
    if target is None:
        fitted = fit(recipe, data, folder, threads=threads, progress=progress)
        if fitted is None:
            return None
        bundle = write_network_bundle(recipe, data, fitted, folder / "bundle", progress=progress)
        return TrainedNetwork(bundle, fitted.log, _chosen_epoch(recipe, fitted.log))
    with normalised_copy(data, target, folder, progress) as (normalised, kept):
        fitted = fit(recipe, normalised, folder, threads=threads, progress=progress)
        assert fitted is not None  # a recipe that normalises has one process
        stain = Normalised(data, target, kept)
        bundle = write_network_bundle(recipe, normalised, fitted, folder / "bundle", progress=progress, stain=stain)
    return TrainedNetwork(bundle, fitted.log, _chosen_epoch(recipe, fitted.log))


@dataclass(frozen=True)
class Normalised:
    """What a network was trained on, before its stain was normalised."""

    data: Dataset
    target: StainTarget
    kept: Counter[str]
    """Training and validation images that stayed as they are, by reason."""


def _stain_target(recipe: Recipe, data: Dataset) -> StainTarget | None:
    method = recipe.stain.normalise
    if method == "none":
        return None
    try:
        return training_target(data, method)
    except StainError as error:
        raise RecipeError(
            f'stain.normalise = {method!r}, and the training images have {error.reason}; set stain.normalise = "none"'
        ) from error


def trained_network(recipe: Recipe, folder: Path) -> TrainedNetwork | None:
    """What `train_network` wrote into a folder earlier; None where its checkpoint is gone.

    Raises:
        BundleError: The bundle is not the one that was written.
    """
    log = checkpoint_log(folder)
    if not log:
        return None
    return TrainedNetwork(open_bundle(folder / "bundle"), log, _chosen_epoch(recipe, log))


def _chosen_epoch(recipe: Recipe, log: list[dict[str, float]]) -> int | None:
    return best_epoch(log, recipe.training) if recipe.training.keep == "best" else None


def write_network_bundle(
    recipe: Recipe,
    data: Dataset,
    fitted: Fitted,
    folder: Path,
    *,
    progress: Progress,
    stain: Normalised | None = None,
) -> Bundle:
    """Calibrate a fitted network on validation, and write it as a bundle.

    Args:
        recipe: The resolved recipe.
        data: What it was fitted to.
        fitted: The network.
        folder: Where to.
        progress: Where to show how far it is.
        stain: What was normalised to become `data`; None: nothing was.

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
    context = recipe.model.context
    validation = data.seen_images("validation", context=context)
    logits, _ = _answers(deployed.eval().logits, validation, "calibrating", progress)
    calibration = calibrate(logits, data, recipe.evaluation, recipe.seed)
    deployed.temperature.fill_(calibration.temperature)
    tiles = reference_tiles(data, recipe.seed, context=context)
    # Later images are held against these as they come, their embeddings against those of normalised ones.
    shown = reference_tiles(stain.data, recipe.seed) if stain else tiles
    shown = shown[:, 0] if context else shown
    return write_bundle(
        folder,
        _info(recipe, data, fitted, calibration, stain),
        deployed,
        example_tiles=example_tiles(fitted.preprocessing.tile_size, context=context),
        reference=reference(shown, *_answers(deployed, tiles, "reference", progress)),
        seen={split: pixel_hashes(data, split) for split in ("train", "validation")},
    )


def _answers(
    answer: Callable[[Tensor], tuple[Tensor, Tensor]],
    images: NDArray[np.uint8] | Images,
    title: str,
    progress: Progress,
) -> list[NDArray[np.float32]]:
    """Both outputs (N, …) of `answer` for all images, in slabs."""
    with torch.inference_mode():
        parts = [answer(torch.from_numpy(images[part])) for part in progress.slabs(title, len(images), _BATCH)]
    return [np.concatenate([tensor.numpy() for tensor in output]) for output in zip(*parts, strict=True)]


def _info(
    recipe: Recipe, data: Dataset, fitted: Fitted, calibration: Calibration, stain: Normalised | None
) -> BundleInfo:
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
            context=recipe.model.context,
            stain=stain.target if stain else None,
        ),
        model=model,
        embedding_size=fitted.network.embedding_size,
        precision=model.storage,
        temperature=calibration.temperature,
        threshold=calibration.threshold,
        low_confidence=calibration.band,
        provenance=Provenance(
            recipe=resolved,
            recipe_sha256=sha256_of_json(resolved),
            data_sha256=manifest.hash,
            split_sha256=manifest.split_hash,
            libraries=library_versions(),
            created=time_of_making(),
            trained_on=_trained_on(recipe, data) + (_kept_words(stain) if stain else ""),
            started_from=fitted.network.origin,
        ),
    )


def _kept_words(stain: Normalised) -> str:
    count = sum(stain.kept.values())
    why = ", ".join(f"{reason}: {number:,}" for reason, number in stain.kept.most_common())
    said = f" ({why})" if count else ""
    return f" Stain was normalised ({stain.target.method}); {plural(count, 'image')} stayed as they were{said}."


def _trained_on(recipe: Recipe, data: Dataset) -> str:
    counts = {split: len(data.manifest.rows(split)) for split in ("train", "validation")}
    taught = f", taught by {recipe.training.teacher}" if recipe.training.teacher else ""
    return (
        f"{plural(counts['train'], 'image')} of {recipe.data.source}{taught}; threshold, temperature and "
        f"low-confidence band were set on {counts['validation']:,} more."
    )
