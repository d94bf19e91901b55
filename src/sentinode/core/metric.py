"""One figure with its interval, and how it was made: what every entry of `metrics.json` and of a bundle's card is."""

import math
from dataclasses import asdict, dataclass
from typing import Annotated, Any, ClassVar, Self

from pydantic import ConfigDict, PlainSerializer


def _finite(number: float | None) -> float | None:
    return None if number is None or not math.isfinite(number) else float(number)


_Number = Annotated[float | None, PlainSerializer(_finite)]
"""Null in JSON, which has neither NaN nor infinity, where it is no finite number."""


@dataclass(frozen=True)
class Metric:
    """A figure with its 95 % interval. An undefined one has no value, and `method` says why: never a made-up number.

    Examples:
        >>> print(Metric(0.958, 0.951, 0.965, "DeLong, logit scale", n=2000))
        0.958 (0.951–0.965)
        >>> Metric.undefined("no positive sample").to_json()["method"]
        'undefined: no positive sample'
    """

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    value: _Number
    """The estimate, or None where it is undefined (precision without a positive prediction, AUC with one class)."""

    low: _Number
    """Lower end of the two-sided 95 % interval, or None."""

    high: _Number
    """Upper end of the two-sided 95 % interval, or None."""

    method: str
    """How the interval was made (`Clopper–Pearson`, `DeLong, logit scale`, …), or why there is none."""

    n: int | None = None
    """Samples that the figure rests on: the denominator of a rate, otherwise all that were assessed."""

    @classmethod
    def undefined(cls, reason: str, n: int | None = None) -> Self:
        """A figure that can't be computed from this data, and why."""
        return cls(None, None, None, f"undefined: {reason}", n)

    def __str__(self) -> str:
        if self.value is None:
            return self.method
        if self.low is None or self.high is None:
            return f"{self.value:.3f}"
        return f"{self.value:.3f} ({self.low:.3f}–{self.high:.3f})"

    def as_difference(self) -> str:
        """With signs, for one that is a difference of two.

        Examples:
            >>> Metric(0.0123, -0.0012, 0.0258, "DeLong, paired").as_difference()
            '+0.0123 (95 % -0.0012 to +0.0258)'
        """
        if self.value is None:
            return self.method
        between = "" if self.low is None or self.high is None else f" (95 % {self.low:+.4f} to {self.high:+.4f})"
        return f"{self.value:+.4f}{between}"

    def to_json(self) -> dict[str, Any]:
        """`{value, low, high, method, n}`; a number that JSON can't hold (NaN, infinity) becomes null."""
        return {**asdict(self), **{name: _finite(getattr(self, name)) for name in ("value", "low", "high")}}

    @classmethod
    def from_json(cls, fields: dict[str, Any]) -> Self:
        """The metric that `to_json` wrote."""
        return cls(fields["value"], fields["low"], fields["high"], fields["method"], fields.get("n"))
