"""Which answers to look at again: the low-confidence band, set on validation, and the risk–coverage curve."""

from dataclasses import dataclass
from typing import Any, Literal, Self

from sentinode.evaluation.metric import Metric


@dataclass(frozen=True)
class LowConfidenceBand:
    """An answer is of low confidence when `low` <= quantity < `high`."""

    low: float
    """Lower end, included."""

    high: float
    """Upper end, not included."""

    quantity: Literal["score", "confidence"]
    """`score`: the positive class's probability (two classes). `confidence`: the predicted class's (more)."""

    split: str = "validation"
    """The split on which it was set."""

    def to_json(self) -> dict[str, Any]:
        """`{low, high, quantity, split}`."""
        return {"low": float(self.low), "high": float(self.high), "quantity": self.quantity, "split": self.split}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """The band that `to_json` wrote."""
        return cls(float(fields["low"]), float(fields["high"]), fields["quantity"], fields.get("split", "validation"))


@dataclass(frozen=True)
class FlaggedResult:
    """What the low-confidence flag gives on the assessed set."""

    band: LowConfidenceBand
    """The band, frozen on validation."""

    flagged: Metric
    """Share of the samples that carry the flag."""

    errors_caught: Metric
    """Share of all errors that carry the flag."""

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
