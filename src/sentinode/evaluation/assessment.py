"""Everything that was measured on one set of predictions: `metrics.json`, and what the report draws."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

from sentinode.evaluation.calibration import ReliabilityPoint
from sentinode.evaluation.confidence import FlaggedResult, LowConfidenceBand, RiskCoverage
from sentinode.evaluation.curves import PrecisionRecallCurve, RocCurve
from sentinode.evaluation.decision import DecisionCurve
from sentinode.evaluation.metric import Metric
from sentinode.evaluation.multiclass import ClassFigures
from sentinode.evaluation.predictions import Predictions
from sentinode.evaluation.prevalence import PrevalencePoint
from sentinode.evaluation.subgroups import Subgroup
from sentinode.evaluation.targets import TargetResult
from sentinode.evaluation.thresholds import OperatingPoint, ThresholdRow

SCHEMA_VERSION = 1


@dataclass(frozen=True)
class Assessment:
    """Figures of one set. Every rate follows from the one `confusion_matrix`, every curve from the one score vector."""

    kind: Literal["patches", "cross-validation", "slides"]
    """What was assessed; the schema is the same for all."""

    split: str
    """The split that was assessed."""

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
            "targets": [
                {
                    "target": str(result.target),
                    **asdict(result)["measured"],
                    "met": result.met,
                    "assured": result.assured,
                }
                for result in self.targets
            ],
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


def assess(
    predictions: Predictions,
    *,
    threshold: OperatingPoint | None,
    band: LowConfidenceBand | None = None,
    temperature: float | None = None,
    targets: Sequence[str] = (),
    split: str = "test",
    limits: Sequence[str] = (),
    resamples: int = 1000,
    seed: int = 42,
) -> Assessment:
    """Measure everything on `predictions` (numerics land in the following commit)."""
    raise NotImplementedError
