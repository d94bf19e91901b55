"""Which answers to look at again: the low-confidence band, set on validation, and the risk–coverage curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.core.decision import LowConfidenceBand
from sentinode.core.errors import EvaluationError
from sentinode.core.metric import Metric
from sentinode.metrics.measures.intervals import rate
from sentinode.metrics.measures.roc import thinned
from sentinode.metrics.predictions import Predictions


@dataclass(frozen=True)
class FlaggedResult:
    """What the low-confidence flag gives on the assessed set."""

    band: LowConfidenceBand
    """The band, frozen on validation."""

    flagged: Metric
    """Share of the samples that carry the flag."""

    errors_caught: Metric
    """Share of all errors that carry the flag."""

    misses_caught: Metric | None
    """Share of the misses (positives called negative) that carry it; None for more than two classes."""

    false_alarms_caught: Metric | None
    """Share of the false alarms (negatives called positive) that carry it; None for more than two classes."""

    error_rate_flagged: Metric
    """Errors among the flagged."""

    error_rate_kept: Metric
    """Errors among the rest."""


@dataclass(frozen=True)
class RiskCoverage:
    """Error rate among the most confident share of the samples, over that share (El-Yaniv & Wiener 2010)."""

    coverage: tuple[float, ...]
    """Share of the samples kept, ascending up to 1."""

    risk: tuple[float, ...]
    """Error rate among them."""

    area: float
    """Area under the curve (AURC): smaller is better; compare it with the error rate at coverage 1."""


def low_confidence_band(
    predictions: Predictions, threshold: float | None, *, flagged: float = 0.1, split: str = "validation"
) -> LowConfidenceBand:
    """The stretch of scores with at most the share `flagged` of the samples that holds the most cost of errors.

    Two classes: a stretch of the positive class's probability with the threshold inside, so that misses below it and
    false alarms above it are both flagged. Whoever calls a calibrated probability of t positive holds a miss for
    (1 - t) / t times as costly as a false alarm (Elkan 2001, The foundations of cost-sensitive learning): so errors
    are weighed here, or a band by their number alone would lie above a threshold chosen for sensitivity, where there
    are false alarms only. More classes: a stretch of the predicted class's probability, every error weighing the same.
    Of stretches with equal cost the one nearest to the threshold (more classes: to 0) is taken. Equal scores are never
    parted; where the scores on the two sides of the threshold are too many for `flagged`, the band lies on one side.

    Raises:
        EvaluationError: `flagged` is not in (0, 1), or so many scores are equal that no stretch is that small.
    """
    if not 0 < flagged < 1:
        raise EvaluationError(f"the flagged share is {flagged}; give one between 0 and 1, such as 0.1")
    values = _quantity(predictions)
    distinct, which = np.unique(values, return_inverse=True)
    samples = np.concatenate([[0], np.cumsum(np.bincount(which))])
    costs = np.concatenate([[0], np.cumsum(np.bincount(which, weights=_costs(predictions, threshold)))])
    # Each stretch starts at a distinct score and takes in as many more as fit: [first, past).
    most = int(flagged * len(values))
    past = np.searchsorted(samples, samples[:-1] + most, side="right") - 1
    first = np.arange(len(distinct))
    if (past <= first).all():
        message = (
            f"no stretch of scores holds at most {most} of {len(values)} samples, because too many scores are equal;"
            " raise the flagged share, or set it to 0 for no band"
        )
        raise EvaluationError(message)
    first, past = first[past > first], past[past > first]
    if threshold is not None:
        middle = np.searchsorted(distinct, threshold)
        straddling = (first < middle) & (past > middle)
        first, past = (first[straddling], past[straddling]) if straddling.any() else (first, past)
    anchor = np.searchsorted(values[np.argsort(values)], threshold if threshold is not None else 0.0)
    distance = np.abs((samples[first] + samples[past]) / 2 - anchor)
    best = np.lexsort((distance, -np.round(costs[past] - costs[first], 9)))[0]
    low, high = _between(distinct, int(first[best])), _between(distinct, int(past[best]))
    return LowConfidenceBand(low, high, "score" if predictions.binary else "confidence", split)


def _costs(predictions: Predictions, threshold: float | None) -> NDArray[np.float64]:
    """(N) what each answer costs: nothing where it is right."""
    wrong = predictions.decisions(threshold).classes != predictions.labels
    if not predictions.binary or threshold is None or not 0 < threshold < 1:
        return np.asarray(wrong, dtype=np.float64)
    return np.asarray(np.where(wrong, np.where(predictions.truths == 1, (1 - threshold) / threshold, 1.0), 0.0))


def flagged_result(predictions: Predictions, threshold: float | None, band: LowConfidenceBand) -> FlaggedResult:
    """How many answers the band flags here, and how many of the errors are among them."""
    decisions = predictions.decisions(threshold, band)
    flags, wrong = decisions.low_confidence, decisions.classes != predictions.labels
    caught, errors, flagged = int((flags & wrong).sum()), int(wrong.sum()), int(flags.sum())
    return FlaggedResult(
        band,
        flagged=rate(flagged, len(flags), "no sample"),
        errors_caught=rate(caught, errors, "no error"),
        misses_caught=_caught(flags, wrong & (predictions.truths == 1), "no miss") if predictions.binary else None,
        false_alarms_caught=_caught(flags, wrong & (predictions.truths == 0), "no false alarm")
        if predictions.binary
        else None,
        error_rate_flagged=rate(caught, flagged, "nothing flagged"),
        error_rate_kept=rate(errors - caught, len(flags) - flagged, "everything flagged"),
    )


def risk_coverage(predictions: Predictions, threshold: float | None) -> RiskCoverage:
    """Keep the most confident answers first, by the predicted class's probability: how often are they wrong?

    Equal confidences share their errors evenly, so that the order of the samples does not matter.
    """
    decisions = predictions.decisions(threshold)
    wrong = (decisions.classes != predictions.labels).astype(np.float64)
    _, which, counts = np.unique(-decisions.confidences, return_inverse=True, return_counts=True)
    shared = np.repeat(np.bincount(which, weights=wrong) / counts, counts)
    kept = np.arange(1, len(shared) + 1)
    risk = np.cumsum(shared) / kept
    coverage = kept / len(shared)
    shown = thinned(coverage, risk, points=200)
    return RiskCoverage(tuple(coverage[shown].tolist()), tuple(risk[shown].tolist()), float(risk.mean()))


def _caught(flags: NDArray[np.bool_], errors: NDArray[np.bool_], none: str) -> Metric:
    return rate(int((flags & errors).sum()), int(errors.sum()), none)


def _quantity(predictions: Predictions) -> NDArray[np.float64]:
    return predictions.scores if predictions.binary else predictions.decisions(None).confidences


def _between(distinct: NDArray[np.float64], index: int) -> float:
    """A value above `distinct[index - 1]` and below `distinct[index]`; 0 or 1 beyond the ends."""
    if index == 0:
        return 0.0
    return 1.0 if index == len(distinct) else float(distinct[index - 1 : index + 1].mean())
