"""Whether a probability means what it says: temperature, calibration error, reliability, Brier score, log loss."""

from dataclasses import dataclass


@dataclass(frozen=True)
class ReliabilityPoint:
    """One equal-mass bin of the reliability diagram.

    Two classes: the probability of the positive class against the share that is positive. More: the probability of
    the predicted class against the share that is right.
    """

    n: int
    """Samples in the bin."""

    predicted: float
    """Mean probability in the bin."""

    observed: float
    """Share that came true."""

    low: float
    """Lower end of the Clopper–Pearson 95 % interval of `observed`."""

    high: float
    """Upper end of it."""
