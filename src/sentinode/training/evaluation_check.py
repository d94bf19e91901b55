"""What would be refused only after training, tried before it: the threshold's rule and the targets."""

import numpy as np

from sentinode.core.errors import EvaluationError, RecipeError
from sentinode.data.manifest import Manifest
from sentinode.metrics.assessment import assess
from sentinode.metrics.decisions.thresholds import choose_threshold
from sentinode.training.calibration import predictions_of
from sentinode.training.config import EvaluationConfig

_CERTAIN = 0.9  # any score above one half will do: the order of the scores alone decides
_RESAMPLES = 2  # the intervals are thrown away


def check_evaluation(config: EvaluationConfig, manifest: Manifest) -> None:
    """Assess the validation split as if a model had told every image right.

    A rule that even such a model can't meet, because the split has too few images or lacks a class, and a target that
    names no metric, are found now and not after the training.

    Raises:
        RecipeError: The rule can't be met, or there is no such metric.
    """
    labels, classes = manifest.labels("validation"), len(manifest.class_names)
    probabilities = np.where(labels[:, None] == np.arange(classes), _CERTAIN, (1 - _CERTAIN) / (classes - 1))
    predictions = predictions_of(manifest, "validation", probabilities)
    try:
        point = None
        if predictions.binary:
            point = choose_threshold(predictions.truths, predictions.scores, config.threshold)
        assess(predictions, threshold=point, targets=config.targets, split="validation", resamples=_RESAMPLES)
    except EvaluationError as error:
        raise RecipeError(f"evaluation of the recipe: {error}") from error
