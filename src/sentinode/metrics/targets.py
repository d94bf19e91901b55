"""Targets that the recipe sets, and whether the assessed set meets them."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sentinode.core.errors import EvaluationError
from sentinode.core.metric import Metric

_TARGET = re.compile(r"([a-z][a-z0-9_]*)(>=|<=)(\d+(?:\.\d+)?)")


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

    def holds(self, value: float) -> bool:
        """Whether `value` meets it."""
        return value >= self.bound if self.side == ">=" else value <= self.bound


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

    def to_json(self) -> dict[str, Any]:
        """`{target, metric, value, low, high, method, n, met, assured}`."""
        measured = self.measured.to_json()
        return {
            "target": str(self.target),
            "metric": self.target.metric,
            **measured,
            "met": self.met,
            "assured": self.assured,
        }


def parse_target(text: str) -> Target:
    """Read a target such as `auc>=0.95`.

    Raises:
        EvaluationError: It is not a name, `>=` or `<=`, and a number.
    """
    match = _TARGET.fullmatch(text.replace(" ", ""))
    if match is None:
        message = f"target {text!r} can't be read; write 'auc>=0.95', or 'false_negative_rate<=0.05'"
        raise EvaluationError(message)
    return Target(match[1], ">=" if match[2] == ">=" else "<=", float(match[3]))


def check_targets(texts: Sequence[str], metrics: Mapping[str, Metric]) -> tuple[TargetResult, ...]:
    """Hold each target against what was measured.

    Raises:
        EvaluationError: A target can't be read, or names a metric that was not measured.
    """
    results = []
    for text in texts:
        target = parse_target(text)
        if target.metric not in metrics:
            message = f"target {text!r}: no metric {target.metric!r} here; there are {', '.join(metrics)}"
            raise EvaluationError(message)
        measured = metrics[target.metric]
        met = None if measured.value is None else target.holds(measured.value)
        worst = measured.low if target.side == ">=" else measured.high
        results.append(TargetResult(target, measured, met, None if worst is None else target.holds(worst)))
    return tuple(results)
