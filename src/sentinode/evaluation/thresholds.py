"""The operating threshold: chosen on validation under a named rule, then frozen."""

from dataclasses import dataclass
from typing import Any, Self

from sentinode.evaluation.metric import Metric


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold with the rule and the split that chose it. A sample is positive when its score >= `value`."""

    value: float
    """The threshold, strictly between two scores of the split that chose it, so that rounding flips nothing."""

    rule: str
    """The rule, as it was given (`sensitivity>=0.95@lower95`), or `fixed` for a threshold that somebody typed."""

    split: str
    """The split that chose it: `validation`, or `none` for a fixed one."""

    n: int | None = None
    """Samples in that split."""

    positives: int | None = None
    """Positive samples in that split."""

    sensitivity: Metric | None = None
    """What the threshold gives on the split that chose it, with its two-sided interval (optimistic for new data)."""

    specificity: Metric | None = None
    """As `sensitivity`, for the negative samples."""

    method: str = ""
    """How the rule was met, in words: the exact bound that was reached, or the bootstrap over how many groups."""

    def to_json(self) -> dict[str, Any]:
        """`{value, rule, split, n, positives, sensitivity, specificity, method}`."""
        return {
            "value": float(self.value),
            "rule": self.rule,
            "split": self.split,
            "n": self.n,
            "positives": self.positives,
            "sensitivity": self.sensitivity.to_json() if self.sensitivity else None,
            "specificity": self.specificity.to_json() if self.specificity else None,
            "method": self.method,
        }

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """The point that `to_json` wrote; only `value`, `rule` and `split` must be there."""
        sensitivity, specificity = fields.get("sensitivity"), fields.get("specificity")
        return cls(
            value=float(fields["value"]),
            rule=fields["rule"],
            split=fields["split"],
            n=fields.get("n"),
            positives=fields.get("positives"),
            sensitivity=Metric.from_json(sensitivity) if sensitivity else None,
            specificity=Metric.from_json(specificity) if specificity else None,
            method=fields.get("method", ""),
        )


@dataclass(frozen=True)
class ThresholdRow:
    """One line of the threshold table: what the assessed set gives at another threshold. For reading, not choosing."""

    threshold: float
    """A sample is positive when its score >= this."""

    confusion_matrix: tuple[tuple[int, int], tuple[int, int]]
    """((tn, fp), (fn, tp)) at this threshold."""

    sensitivity: Metric
    """tp / (tp + fn), Clopper–Pearson."""

    specificity: Metric
    """tn / (tn + fp), Clopper–Pearson."""

    precision: Metric
    """tp / (tp + fp), Clopper–Pearson."""

    npv: Metric
    """tn / (tn + fn), Clopper–Pearson."""

    operating: bool
    """Whether this is the frozen operating threshold."""
