"""Which answers to look at again: the low-confidence band, set on validation, and the risk–coverage curve."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.core.decision import LowConfidenceBand
from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural
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
    predictions: Predictions,
    threshold: float | None,
    *,
    flagged: float = 0.1,
    split: str = "validation",
    widened: bool = False,
) -> LowConfidenceBand:
    """The answers that cost the most, to be expected of their own probabilities, but at most the share `flagged`.

    Two classes: Chow's rule (1970, On optimum recognition error and reject tradeoff). Whoever calls a calibrated
    probability of t positive holds a miss for (1 - t) / t times as costly as a false alarm (Elkan 2001, The foundations
    of cost-sensitive learning). So an answer of probability p is expected to cost p · (1 - t) / t below the threshold
    and 1 - p above it, which meet at t: the band straddles it, and both misses and false alarms are flagged. A band by
    the number of errors lies above a threshold that was chosen for sensitivity, where there are false alarms only.

    More classes: the stretch of the predicted class's probability that holds as many errors as possible. Of stretches
    with equally many the one nearest to 0 is taken.

    Equal scores are never parted. Where so many are equal that no stretch is as small as `flagged`, it is an error, or
    with `widened` the band takes the fewest images that it can.

    Raises:
        EvaluationError: `flagged` is not in (0, 1), or no stretch is that small.
    """
    if not 0 < flagged < 1:
        raise EvaluationError(f"the flagged share is {flagged}; give one between 0 and 1, such as 0.1")
    if predictions.binary and threshold is not None:
        return _costly_band(predictions.scores, min(max(threshold, 1e-6), 1 - 1e-6), flagged, split, widened)
    return _erring_band(predictions, threshold, flagged, split, widened)


def _costly_band(
    scores: NDArray[np.float64], threshold: float, flagged: float, split: str, widened: bool
) -> LowConfidenceBand:
    odds = (1 - threshold) / threshold
    costs = np.round(np.where(scores >= threshold, 1 - scores, scores * odds), 12)  # equal but for rounding is equal
    distinct, counts = np.unique(costs, return_counts=True)
    most = max(int(flagged * len(scores)), int(counts[-1]) if widened else 0)
    fitting = int((np.cumsum(counts[::-1]) <= most).sum())
    if not fitting:
        raise _too_equal(most, len(scores))
    # Between the cheapest that is flagged and the dearest that is not; all may be.
    least = float(distinct[-fitting]) if fitting == len(distinct) else float(distinct[-fitting - 1 :][:2].mean())
    return LowConfidenceBand(least / odds, 1 - least, "score", split)


def _erring_band(
    predictions: Predictions, threshold: float | None, flagged: float, split: str, widened: bool
) -> LowConfidenceBand:
    values = _quantity(predictions)
    wrong = predictions.decisions(threshold).classes != predictions.labels
    distinct, which = np.unique(values, return_inverse=True)
    samples = np.concatenate([[0], np.cumsum(np.bincount(which))])
    errors = np.concatenate([[0], np.cumsum(np.bincount(which, weights=wrong))])
    # Each stretch starts at a distinct score and takes in as many more as fit: [first, past).
    most = max(int(flagged * len(values)), int(np.bincount(which).min()) if widened else 0)
    past = np.searchsorted(samples, samples[:-1] + most, side="right") - 1
    first = np.arange(len(distinct))
    if (past <= first).all():
        raise _too_equal(most, len(values))
    first, past = first[past > first], past[past > first]
    best = np.lexsort((samples[first] + samples[past], -(errors[past] - errors[first])))[0]
    low, high = _between(distinct, int(first[best])), _between(distinct, int(past[best]))
    return LowConfidenceBand(low, high, "score" if predictions.binary else "confidence", split)


def _too_equal(most: int, count: int) -> EvaluationError:
    return EvaluationError(
        f"no stretch of scores holds at most {most} of {plural(count, 'sample')}, because too many scores are equal;"
        " raise the flagged share (evaluation.flagged), or give validation more images"
    )


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
