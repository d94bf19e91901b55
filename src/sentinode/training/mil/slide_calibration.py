"""What is frozen of a slide model: from logits to probabilities, and the threshold."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.core.decision import OperatingPoint
from sentinode.metrics.decisions.thresholds import choose_threshold
from sentinode.metrics.measures.platt import PlattScaling, fit_platt


@dataclass(frozen=True)
class CalibratedSlides:
    """A calibration and a threshold, with what they were fitted on."""

    scaling: PlattScaling
    threshold: OperatingPoint
    """Of the probability of all classes but the first."""


def calibrate_slides(
    logits: NDArray[np.float64], targets: NDArray[np.int64], patients: Sequence[str], rule: str, *, split: str
) -> CalibratedSlides:
    """Fit both to slides that the aggregator has not learned from: the held-out ones of cross-validation.

    Class weights and few positive slides make logits that are no log odds, which a temperature alone can't mend: their
    height is off, too.

    Args:
        logits: (n, C).
        targets: (n,) classes.
        patients: (n,) whose the slides are, for the rule's confidence bound.
        rule: Of the threshold, see `metrics.decisions.rules`.
        split: What the slides are called.

    Raises:
        EvaluationError: A class is missing, or the rule can't be met.
    """
    scaling = fit_platt(logits, targets)
    scores = scaling.above(logits)[:, 0]
    return CalibratedSlides(scaling, choose_threshold(targets > 0, scores, rule, patients, split=split))
