"""Everything that was measured on one set of predictions: `metrics.json`, and what the report draws."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np

from sentinode.core.decision import LowConfidenceBand, OperatingPoint
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.decisions.clinical_utility import (
    DecisionCurve,
    PrevalencePoint,
    decision_curve,
    prevalence_table,
)
from sentinode.metrics.decisions.low_confidence import FlaggedResult, RiskCoverage, flagged_result, risk_coverage
from sentinode.metrics.decisions.thresholds import ThresholdRow, threshold_table
from sentinode.metrics.measures.binary import binary_measures
from sentinode.metrics.measures.calibration import ReliabilityPoint, calibrated_event, reliability
from sentinode.metrics.measures.intervals import FEW_GROUPS, Resampling
from sentinode.metrics.measures.multiclass import ClassFigures, multiclass_measures
from sentinode.metrics.measures.plugin_metrics import plugin_metrics
from sentinode.metrics.measures.roc import PrecisionRecallCurve, RocCurve, precision_recall_curve, roc_curve
from sentinode.metrics.metric_table import shown_in
from sentinode.metrics.predictions import Predictions
from sentinode.metrics.subgroups import Subgroup, subgroups
from sentinode.metrics.targets import TargetResult, check_targets

SCHEMA_VERSION = 2
"""Goes up when a field of `metrics.json` changes its meaning; new fields alone leave it."""

_MET = {True: "met", False: "not met", None: "can't be measured here"}


@dataclass(frozen=True)
class Assessment:
    """Figures of one set. Every rate follows from the one `confusion_matrix`, every curve from the one score vector."""

    kind: Literal["patches", "cross-validation", "slides"]
    """What was assessed; the schema is the same for all."""

    split: str
    """The split that was assessed."""

    chosen: str
    """How it was chosen, in words; empty where there was nothing to choose."""

    n: int
    """Samples."""

    counts: dict[str, int]
    """Class name → samples, in the order of the classes, zeros included."""

    groups: int | None
    """Number of slides or patients, or None where none is known."""

    class_names: tuple[str, ...]
    """Names of the K classes, in the order of the probability columns."""

    positive: str | None
    """Name of the positive class; None for more than two classes."""

    threshold: OperatingPoint | None
    """The frozen threshold; None for more than two classes, where the likeliest class wins."""

    temperature: float | None
    """Temperature that is inside the probabilities already, for the record; None when none was fitted."""

    confusion_matrix: tuple[tuple[int, ...], ...]
    """Rows true, columns predicted, in the order of `confusion_labels`: [[tn, fp], [fn, tp]] for two classes."""

    confusion_labels: tuple[str, ...]
    """Class names of the rows and columns: (negative, positive) for two classes, else `class_names`."""

    metrics: dict[str, Metric]
    """Name → figure, in the order in which to print them.

    Two classes: auc, auc_delong, auc_bootstrap, average_precision, sensitivity, specificity, precision, npv, f1,
    balanced_accuracy, mcc, accuracy, false_negative_rate, false_positive_rate, brier, log_loss, calibration_error.
    More: auc (macro one-versus-rest), accuracy (both as MedMNIST), balanced_accuracy, f1 (macro), mcc, brier,
    log_loss, calibration_error.
    """

    roc: RocCurve | None
    """Two classes, both present."""

    precision_recall: PrecisionRecallCurve | None
    """Two classes, with at least one positive sample."""

    reliability: tuple[ReliabilityPoint, ...]
    """Equal-mass bins, ascending."""

    threshold_table: tuple[ThresholdRow, ...]
    """Ascending thresholds with the operating one among them; empty for more than two classes."""

    prevalence_table: tuple[PrevalencePoint, ...]
    """Ascending prevalence from 0.001 to 0.9; empty for more than two classes or with one class missing."""

    decision_curve: DecisionCurve | None
    """Two classes, both present."""

    risk_coverage: RiskCoverage
    """Over the probability of the predicted class."""

    low_confidence: FlaggedResult | None
    """What the low-confidence flag gives here; None without a band."""

    subgroups: tuple[Subgroup, ...]
    """One for each group, by name; empty without groups."""

    classes: tuple[ClassFigures, ...]
    """One for each class when there are more than two; otherwise empty."""

    targets: tuple[TargetResult, ...]
    """The recipe's targets, in its order."""

    limits: tuple[str, ...]
    """What a reader must know before believing the figures, as sentences; the caller's first, then our own."""

    def to_json(self) -> dict[str, Any]:
        """The content of `metrics.json`: plain JSON values, no NaN."""
        return {
            "schema_version": SCHEMA_VERSION,
            "kind": self.kind,
            "split": self.split,
            "split_chosen": self.chosen,
            "n": self.n,
            "counts": self.counts,
            "groups": self.groups,
            "class_names": list(self.class_names),
            "positive": self.positive,
            "threshold": self.threshold.to_json() if self.threshold else None,
            "temperature": self.temperature,
            "confusion_matrix": [list(row) for row in self.confusion_matrix],
            "confusion_labels": list(self.confusion_labels),
            "metrics": {name: metric.to_json() for name, metric in self.metrics.items()},
            "low_confidence": asdict(self.low_confidence) if self.low_confidence else None,
            "targets": [result.to_json() for result in self.targets],
            "classes": [asdict(figures) for figures in self.classes],
            "subgroups": [asdict(subgroup) for subgroup in self.subgroups],
            "curves": {
                "roc": asdict(self.roc) if self.roc else None,
                "precision_recall": asdict(self.precision_recall) if self.precision_recall else None,
                "reliability": [asdict(point) for point in self.reliability],
                "threshold_table": [asdict(row) for row in self.threshold_table],
                "prevalence_table": [asdict(point) for point in self.prevalence_table],
                "decision_curve": asdict(self.decision_curve) if self.decision_curve else None,
                "risk_coverage": asdict(self.risk_coverage),
            },
            "limits": list(self.limits),
        }

    def summary(self) -> str:
        """A few lines for a terminal: n, the headline figures with their intervals, the threshold, the targets."""
        counts = ", ".join(f"{count:,} {name}" for name, count in self.counts.items())
        names = shown_in("summary" if self.positive else "multiclass summary")
        chosen = f" ({self.chosen})" if self.chosen else ""
        lines = [f"{self.split}{chosen}: {plural(self.n, 'sample')} ({counts})"]
        lines += [f"  {name.replace('_', ' '):<18} {self.metrics[name]}" for name in names]
        if self.threshold:
            lines.append(f"  at threshold {self.threshold.value:.4f}, {self.threshold.rule} on {self.threshold.split}")
        lines += [f"  target {result.target}: {_MET[result.met]}" for result in self.targets]
        return "\n".join(lines)


def assess(
    predictions: Predictions,
    *,
    threshold: OperatingPoint | None,
    band: LowConfidenceBand | None = None,
    temperature: float | None = None,
    targets: Sequence[str] = (),
    split: str = "test",
    chosen: str = "",
    limits: Sequence[str] = (),
    resamples: int = 1000,
    seed: int = 42,
) -> Assessment:
    """Measure everything on `predictions`.

    Args:
        predictions: Calibrated predictions of the split.
        threshold: The frozen operating point; None for more than two classes.
        band: The frozen low-confidence band, if there is one.
        temperature: The temperature that is inside the probabilities, for the record.
        targets: Targets such as `auc>=0.95`.
        split: Name of the split.
        chosen: How it was chosen, in words.
        limits: What the caller knows: how the split was made, what was excluded.
        resamples: Bootstrap resamples, of whole groups where groups are known.
        seed: Seed of the bootstrap.

    Raises:
        EvaluationError: Two classes without a threshold (or the reverse), or a target that can't be read or measured.
    """
    at = threshold.value if threshold else None
    # Raises before the slow part when threshold and classes contradict each other.
    predictions.decisions(at)
    resampling = Resampling(predictions.labels, predictions.group_codes, resamples, seed)
    names = predictions.class_names
    measured = _measured(predictions, at, resampling)
    return Assessment(
        kind="patches",
        split=split,
        chosen=chosen,
        n=len(predictions),
        counts=dict(zip(names, np.bincount(predictions.labels, minlength=len(names)).tolist(), strict=True)),
        groups=resampling.group_count,
        class_names=names,
        positive=None if predictions.positive is None else names[predictions.positive],
        threshold=threshold,
        temperature=temperature,
        reliability=reliability(*calibrated_event(predictions)),
        risk_coverage=risk_coverage(predictions, at),
        low_confidence=flagged_result(predictions, at, band) if band else None,
        subgroups=subgroups(predictions, at),
        targets=check_targets(targets, measured["metrics"]),
        limits=(*limits, *_own_limits(predictions, threshold, resampling, split)),
        **measured,
    )


def _measured(predictions: Predictions, at: float | None, resampling: Resampling) -> dict[str, Any]:
    """The fields of `Assessment` that two classes and more of them fill differently."""
    if at is None:
        many = multiclass_measures(predictions, resampling)
        return {
            "confusion_matrix": many.matrix,
            "confusion_labels": predictions.class_names,
            "metrics": many.metrics | plugin_metrics(predictions, at, resampling),
            "classes": many.classes,
            "roc": None,
            "precision_recall": None,
            "threshold_table": (),
            "prevalence_table": (),
            "decision_curve": None,
        }
    matrix, metrics = binary_measures(predictions, at, resampling)
    truths, scores, positive = predictions.truths, predictions.scores, predictions.positive or 0
    return {
        "confusion_matrix": matrix,
        "confusion_labels": (predictions.class_names[1 - positive], predictions.class_names[positive]),
        "metrics": metrics | plugin_metrics(predictions, at, resampling),
        "classes": (),
        "roc": roc_curve(truths, scores),
        "precision_recall": precision_recall_curve(truths, scores),
        "threshold_table": threshold_table(truths, scores, at),
        "prevalence_table": prevalence_table(metrics["sensitivity"], metrics["specificity"]),
        "decision_curve": decision_curve(truths, scores),
    }


def _own_limits(
    predictions: Predictions, threshold: OperatingPoint | None, resampling: Resampling, split: str
) -> list[str]:
    """What the numbers alone already forbid to believe."""
    limits = []
    if resampling.group_count is None:
        limits.append(
            "No slide or patient is known for any sample, so every interval takes samples as independent; patches of"
            " one slide resemble each other, and the true uncertainty for new slides is larger."
        )
    elif not resampling.by_group:
        limits.append("All samples come from one group: the intervals say nothing about other slides or patients.")
    elif resampling.group_count < FEW_GROUPS:
        limits.append(
            f"Only {plural(resampling.group_count, 'group')}: intervals that resample groups are too narrow "
            f"with fewer than {FEW_GROUPS}."
        )
    missing = [name for k, name in enumerate(predictions.class_names) if not (predictions.labels == k).any()]
    if missing:
        limits.append(f"No sample of {', '.join(missing)}: figures that need one are undefined.")
    if threshold is not None and threshold.split == split:
        limits.append(f"The threshold was chosen on {split} itself: the figures at it are optimistic.")
    return limits
