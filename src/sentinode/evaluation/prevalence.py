"""What a positive and a negative answer mean where disease is rarer or commoner than in the test set."""

from dataclasses import dataclass


@dataclass(frozen=True)
class PrevalencePoint:
    """Predictive values at one prevalence, by Bayes' rule from sensitivity and specificity alone."""

    prevalence: float
    """Share of positive samples, in (0, 1)."""

    ppv: float | None
    """Probability that a positive answer is right; None when there is never a positive answer."""

    ppv_low: float | None
    """PPV with both sensitivity and specificity at the lower end of their intervals (conservative)."""

    ppv_high: float | None
    """PPV with both at the upper end."""

    npv: float | None
    """Probability that a negative answer is right; None when there is never a negative answer."""

    npv_low: float | None
    """NPV with both at the lower end."""

    npv_high: float | None
    """NPV with both at the upper end."""
