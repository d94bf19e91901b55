"""Targets that the recipe sets, and whether the assessed set meets them."""

from dataclasses import dataclass
from typing import Literal

from sentinode.evaluation.metric import Metric


@dataclass(frozen=True)
class Target:
    """A bound on a metric, as a recipe writes it: `auc>=0.95`, `false_negative_rate<=0.05`."""

    metric: str
    """Name of the metric."""

    side: Literal[">=", "<="]
    """Which way the bound goes."""

    bound: float
    """The bound."""

    def __str__(self) -> str:
        return f"{self.metric}{self.side}{self.bound:g}"


@dataclass(frozen=True)
class TargetResult:
    """A target and what was measured."""

    target: Target
    """What was asked."""

    measured: Metric
    """What was found."""

    met: bool | None
    """Whether the estimate meets it; None when the metric is undefined."""

    assured: bool | None
    """Whether the whole 95 % interval meets it; None without an interval."""
