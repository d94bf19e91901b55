"""ROC and precision–recall curves, thinned for drawing. The areas are computed elsewhere, from every sample."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RocCurve:
    """Corners of the ROC curve, from (0, 0) to (1, 1). Draw with straight lines (a tie is a slope)."""

    false_positive_rate: tuple[float, ...]
    """Ascending, from 0 to 1."""

    sensitivity: tuple[float, ...]
    """Ascending, from 0 to 1."""

    thresholds: tuple[float | None, ...]
    """Score at which the point is reached (positive when score >= it), descending; None for the start at (0, 0)."""


@dataclass(frozen=True)
class PrecisionRecallCurve:
    """Points of the precision–recall curve. Draw as steps (`where="pre"` from high recall), not straight lines."""

    recall: tuple[float, ...]
    """Ascending, from the highest score's recall to 1."""

    precision: tuple[float, ...]
    """Precision at each point."""

    thresholds: tuple[float, ...]
    """Score at which the point is reached, descending."""

    prevalence: float
    """Share of positive samples: the precision of a coin, for the base line."""
