"""Two models on the same test set: paired differences with intervals."""

from collections.abc import Sequence
from dataclasses import dataclass

from sentinode.evaluation.metric import Metric
from sentinode.evaluation.predictions import Predictions


@dataclass(frozen=True)
class Comparison:
    """`b` minus `a`, each on the same samples."""

    name_a: str
    """Name of the first model, the one to beat."""

    name_b: str
    """Name of the second."""

    n: int
    """Samples."""

    groups: int | None
    """Number of groups resampled, or None."""

    metrics_a: dict[str, Metric]
    """Figures of the first: `auc`, and at its own threshold `sensitivity`, `specificity`, `accuracy`."""

    metrics_b: dict[str, Metric]
    """Figures of the second."""

    differences: dict[str, Metric]
    """b − a for each name in both, with a paired interval."""

    p_value: float | None
    """Two-sided p of the paired DeLong test of the AUCs (samples taken as independent); None when undefined."""


def compare(
    predictions: Sequence[tuple[str, Predictions, float | None]], *, resamples: int = 1000, seed: int = 42
) -> tuple[Comparison, ...]:
    """Compare every later (name, predictions, threshold) with the first (numerics land in the following commit)."""
    raise NotImplementedError
