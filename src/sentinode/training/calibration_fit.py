"""What is chosen on validation, once, and then frozen: temperature, operating threshold, low-confidence band."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax

from sentinode.core.decision import LowConfidenceBand, OperatingPoint
from sentinode.core.errors import EvaluationError, RecipeError
from sentinode.core.messages import plural
from sentinode.data.dataset import Dataset
from sentinode.data.manifest import Manifest
from sentinode.data.splits import stain_clusters
from sentinode.metrics.assessment import assess
from sentinode.metrics.decisions.low_confidence import low_confidence_band
from sentinode.metrics.decisions.thresholds import choose_threshold
from sentinode.metrics.measures.calibration import fit_temperature
from sentinode.metrics.predictions import Predictions
from sentinode.training.training_config import EvaluationConfig

# A slide of PatchCamelyon gives a few dozen patches to a validation part of two thousand.
_IMAGES_A_PSEUDO_SLIDE = 50

_CERTAIN = 0.9  # any score above one half will do: the order of the scores alone decides
_NEEDS_CLASSES = "temperature and threshold are set there, which takes at least two classes"
_RESAMPLES = 2  # the intervals are thrown away


@dataclass(frozen=True)
class Calibration:
    """The three, with what they were fitted on."""

    temperature: float
    """Divides the logits (Guo et al. 2017)."""

    threshold: OperatingPoint | None
    """None for more than two classes, where the likeliest class wins."""

    band: LowConfidenceBand
    """Scores that are flagged as of low confidence."""


def calibrate(logits: NDArray[np.float32], data: Dataset, config: EvaluationConfig, seed: int) -> Calibration:
    """Fit everything that is frozen to the validation split.

    Args:
        logits: (n, classes) of the deployed model on the validation images, test-time averaging included, before any
            temperature.
        data: The data set, for labels and groups of its validation split.
        config: The threshold's rule and the flagged share.
        seed: Of the clustering that stands for slides where none are known.

    Raises:
        EvaluationError: The rule can't be met on this validation split.
    """
    manifest = data.manifest
    temperature = fit_temperature(logits, manifest.labels("validation"))
    probabilities = softmax(logits.astype(np.float64) / temperature, axis=1)
    predictions = predictions_of(manifest, "validation", probabilities)
    groups = manifest.groups("validation")
    if groups is None and predictions.binary:
        groups = pseudo_slides(data, manifest.rows("validation"), seed)
    return calibrate_on(predictions, temperature, groups, config, split="validation")


def calibrate_on(
    predictions: Predictions,
    temperature: float,
    groups: Sequence[str] | None,
    config: EvaluationConfig,
    *,
    split: str,
    widened: bool = False,
) -> Calibration:
    """Choose threshold and low-confidence band on predictions that have their temperature already.

    Args:
        predictions: Of images that the model has not learned from.
        temperature: What they were divided by.
        groups: What a threshold's confidence bound resamples: slides or patients, known or guessed; None: images.
        config: The threshold's rule and the flagged share.
        split: What the images are called.
        widened: Whether a band that can't be as small as that share takes the fewest images that it can.

    Raises:
        EvaluationError: The rule can't be met, or too many scores are equal for a band.
    """
    threshold = None
    if predictions.binary:
        threshold = choose_threshold(
            predictions.truths, predictions.scores, config.threshold, groups=groups, split=split
        )
    value = None if threshold is None else threshold.value
    band = low_confidence_band(predictions, value, flagged=config.flagged, split=split, widened=widened)
    return Calibration(temperature, threshold, band)


def pseudo_slides(data: Dataset, rows: NDArray[np.int64], seed: int) -> list[str]:
    """A cluster of similar stain for each image (row of the pack), to stand for slides where none are known.

    A threshold's confidence bound has to allow for new slides, which differ from one another more than patches of one
    slide do. Resampling patches alone would miss that; clusters of similar stain are the nearest thing to slides.
    """
    clusters = stain_clusters(data.tiles, data.pack.central(rows), seed, images_a_cluster=_IMAGES_A_PSEUDO_SLIDE)
    return [str(cluster) for cluster in clusters]


def predictions_of(manifest: Manifest, split: str, probabilities: NDArray[Any]) -> Predictions:
    """The (n, classes) probabilities of a split's images, with their ids, labels and groups."""
    names = manifest.class_names
    return Predictions(
        ids=manifest.ids(split),
        paths=manifest.paths(split),
        labels=manifest.labels(split),
        probabilities=probabilities.astype(np.float64),
        class_names=names,
        positive=None if manifest.positive is None else names.index(manifest.positive),
        groups=manifest.groups(split),
    )


def check_evaluation(config: EvaluationConfig, manifest: Manifest) -> None:
    """Assess the validation split as if a model had told every image right.

    What even such a model can't meet is found now and not after the training: a split with too few images or of one
    class, a rule that no threshold meets there, and a target that names no metric.

    Raises:
        RecipeError: It is so; the message names the recipe's key.
    """
    labels, names = manifest.labels("validation"), manifest.class_names
    _check_size(np.bincount(labels, minlength=len(names)), config.flagged, manifest)
    sure = (1 - _CERTAIN) / (len(names) - 1)
    probabilities = np.where(labels[:, None] == np.arange(len(names)), _CERTAIN, sure)
    predictions = predictions_of(manifest, "validation", probabilities)
    key, point = f"evaluation.threshold = {config.threshold!r}", None
    try:
        if predictions.binary:
            point = choose_threshold(predictions.truths, predictions.scores, config.threshold)
        key = f"evaluation.targets = {list(config.targets)}"
        assess(predictions, threshold=point, targets=config.targets, split="validation", resamples=_RESAMPLES)
    except EvaluationError as error:
        raise RecipeError(f"evaluation of the recipe: {key}: {error}") from error


def _check_size(counts: NDArray[np.int64], flagged: float, manifest: Manifest) -> None:
    """Refuse a validation split that is too small for a threshold and a low-confidence band."""
    total = int(counts.sum())
    shown = ", ".join(f"{count:,} {name}" for name, count in zip(manifest.class_names, counts.tolist(), strict=True))
    remedy = "give it more images, by data.split.validation or data.split.fractions"
    if (counts > 0).sum() < 2 or (manifest.positive is not None and not counts.all()):
        raise RecipeError(f"evaluation of the recipe: the validation split has {shown}; {_NEEDS_CLASSES}: {remedy}")
    if int(flagged * total) < 1:
        raise RecipeError(
            f"evaluation of the recipe: evaluation.flagged = {flagged:g} of the {plural(total, 'image')} of "
            "the validation split "
            f"({shown}) is less than one image; {remedy}, or set evaluation.flagged to {1 / total + 0.005:.2f} or more"
        )
