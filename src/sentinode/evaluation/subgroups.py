"""The same figures for each slide or patient, so that one bad slide can't hide in a good mean."""

from dataclasses import dataclass

from sentinode.evaluation.metric import Metric


@dataclass(frozen=True)
class Subgroup:
    """One group of the group column."""

    name: str
    """Value of the group column."""

    n: int
    """Samples in it."""

    counts: dict[str, int]
    """Class name → samples."""

    metrics: dict[str, Metric]
    """Two classes: `auc`, `sensitivity`, `specificity`, `accuracy`. More: `accuracy`. Undefined ones say why."""
