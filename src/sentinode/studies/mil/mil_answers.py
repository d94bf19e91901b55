"""What the fits answered, method by method: out-of-fold probabilities, and the choice made inside each fold."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import EvaluationError
from sentinode.metrics.crossval.fold_answers import FoldAnswers
from sentinode.metrics.decisions.thresholds import choose_threshold
from sentinode.metrics.measures.calibration import log_losses
from sentinode.models.mil.aggregator_config import Method
from sentinode.studies.mil.mil_fits import FitRecord
from sentinode.studies.mil.mil_plan import PlannedFit
from sentinode.studies.mil.mil_slides import MilSlides, labels_of, patients_of

Floats = NDArray[np.float64]

DETECTION = ("normal", "tumour")
"""The two classes that every task has: without and with tumour."""


@dataclass(frozen=True, eq=False)
class MethodAnswers:
    """One method's answers to slides that it had not seen."""

    detection: FoldAnswers
    """Tumour or none."""
    above: Floats
    """(R, N, C): calibrated probability that a slide is of a class above the first, above the second, and so on."""
    logits: Floats
    """(N, C) of the first repeat, before calibration."""
    epochs: float
    """Median of the epochs whose weights were kept."""


def answers_of(
    planned: Sequence[PlannedFit], records: Sequence[FitRecord], slides: MilSlides, rule: str
) -> tuple[dict[Method, MethodAnswers], MethodAnswers, dict[Method, int]]:
    """Put the fits together.

    Args:
        planned: The fits.
        records: What each gave, in the same order.
        slides: The slides.
        rule: Of the threshold.

    Returns:
        Each method, in every fold by the variant that was best on the inner validation slides; the answers of the
        method that was best there, fold by fold; and in how many folds each was.
    """
    labels = labels_of(slides.train)
    pairs = list(zip(planned, records, strict=True))
    methods = list(dict.fromkeys(one.method for one in planned))
    best = {method: _best_of_folds([p for p in pairs if p[0].method == method], labels) for method in methods}
    by_method = {method: _joined(found, slides, rule) for method, found in best.items()}
    everything = [pair for found in best.values() for pair in found]
    chosen = _best_of_folds(everything, labels)
    times = {method: sum(one.method == method for one, _ in chosen) for method in methods}
    return by_method, _joined(chosen, slides, rule), times


def inner_loss(record: FitRecord, labels: NDArray[np.int64]) -> float:
    """Mean log loss of the inner validation slides, of all levels, as calibrated on them."""
    return float(level_losses(record.inner_above, labels[record.inner]).mean())


def level_losses(above: Floats, labels: NDArray[np.int64]) -> Floats:
    """Log loss of each slide (n), summed over the levels of (n, C) probabilities; of two classes the usual one."""
    steps = np.arange(above.shape[1])
    losses = [log_losses(np.stack([1 - p, p], axis=1), (labels > step).astype(int)) for step, p in
              zip(steps, above.T, strict=True)]  # fmt: skip
    return np.asarray(np.sum(losses, axis=0))


def best_variant(
    planned: Sequence[PlannedFit], records: Sequence[FitRecord], method: Method, labels: NDArray[np.int64]
) -> int:
    """The variant of a method with the least inner loss over all folds, for the final fit."""
    losses: dict[int, list[float]] = {}
    for one, record in zip(planned, records, strict=True):
        if one.method == method:
            losses.setdefault(one.variant, []).append(inner_loss(record, labels))
    return min(losses, key=lambda variant: (float(np.mean(losses[variant])), variant))


def _best_of_folds(
    pairs: Sequence[tuple[PlannedFit, FitRecord]], labels: NDArray[np.int64]
) -> list[tuple[PlannedFit, FitRecord]]:
    """Of each outer fold, the fit with the least inner loss; of equals the one planned first."""
    best: dict[tuple[int, int], tuple[float, tuple[PlannedFit, FitRecord]]] = {}
    for pair in pairs:
        place, loss = (pair[0].fold.repeat, pair[0].fold.number), inner_loss(pair[1], labels)
        if place not in best or loss < best[place][0]:
            best[place] = (loss, pair)
    return [pair for _, pair in best.values()]


def _joined(pairs: Sequence[tuple[PlannedFit, FitRecord]], slides: MilSlides, rule: str) -> MethodAnswers:
    labels = labels_of(slides.train)
    repeats, folds = (1 + max(getattr(one.fold, name) for one, _ in pairs) for name in ("repeat", "number"))
    above = np.full((repeats, len(labels), pairs[0][1].logits.shape[1]), np.nan)
    logits = np.full(above.shape[1:], np.nan)
    dealt, thresholds = np.zeros((repeats, len(labels)), np.int64), np.zeros((repeats, folds))
    for one, record in pairs:
        place = (one.fold.repeat, one.fold.test)
        above[place], dealt[place] = record.above, one.fold.number
        if one.fold.repeat == 0:
            logits[one.fold.test] = record.logits
        thresholds[one.fold.repeat, one.fold.number] = threshold_inside(
            labels[record.inner] > 0, record.inner_above[:, 0], rule
        )
    epochs = float(np.median([record.best_epoch for _, record in pairs]))
    return MethodAnswers(detection_answers(slides, above[:, :, 0], dealt, thresholds), above, logits, epochs)


def threshold_inside(truths: NDArray[np.bool_], scores: Floats, rule: str) -> float:
    """The threshold that a rule picks on the slides inside a fold.

    Raises:
        EvaluationError: It can't be met there.
    """
    return choose_threshold(truths.astype(np.int64), scores, rule, split="inner validation").value


def detection_answers(slides: MilSlides, scores: Floats, dealt: NDArray[np.int64], thresholds: Floats) -> FoldAnswers:
    """Scores (R, N) of tumour as answers of a cross-validation."""
    if not np.isfinite(scores).all():
        raise EvaluationError("a slide was scored in no fold, or its score is not finite")
    return FoldAnswers(
        ids=[slide.name for slide in slides.train],
        paths=[slide.path.name for slide in slides.train],
        labels=(labels_of(slides.train) > 0).astype(np.int64),
        probabilities=np.stack([1 - scores, scores], axis=2),
        folds=dealt,
        thresholds=thresholds,
        class_names=DETECTION,
        positive=1,
        groups=patients_of(slides.train) if slides.patients_known else None,
    )


def losses_of(methods: Mapping[Method, MethodAnswers], labels: NDArray[np.int64]) -> dict[Method, float]:
    """Mean out-of-fold log loss of each method, over repeats and slides."""
    return {
        method: float(np.mean([level_losses(above, labels) for above in answers.above]))
        for method, answers in methods.items()
    }
