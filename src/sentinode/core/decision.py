"""From probabilities to a decision. One rule serves, measures and reports: what is promised is what was measured."""

from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from pydantic import ConfigDict

from sentinode.core.metric import Metric


@dataclass(frozen=True)
class OperatingPoint:
    """A threshold with the rule and the split that chose it. A sample is positive when its score >= `value`."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

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
    """How the rule was met, in words: the bound that was reached, or the bootstrap over how many groups."""

    def to_json(self) -> dict[str, Any]:
        """`{value, rule, split, n, positives, sensitivity, specificity, method}`."""
        rates = {"sensitivity": self.sensitivity, "specificity": self.specificity}
        shown = {name: metric.to_json() if metric else None for name, metric in rates.items()}
        return {**asdict(self), "value": float(self.value), **shown}


@dataclass(frozen=True)
class LowConfidenceBand:
    """An answer is of low confidence when `low` <= quantity <= `high`."""

    __pydantic_config__: ClassVar[ConfigDict] = ConfigDict(extra="forbid")

    low: float
    """Lower end, strictly between two values seen on the split that set it, or 0."""

    high: float
    """Upper end, likewise, or 1."""

    quantity: Literal["score", "confidence"]
    """`score`: the positive class's probability (two classes). `confidence`: the predicted class's (more)."""

    split: str = "validation"
    """The split on which it was set."""


@dataclass(frozen=True, eq=False)
class Decisions:
    """What is said of samples, in the shape (…) in which their probabilities (…, K) came."""

    classes: NDArray[np.int64]
    """(…) index of the predicted class."""

    confidences: NDArray[np.float64]
    """(…) probability of the predicted class."""

    low_confidence: NDArray[np.bool_]
    """(…) whether the answer lies in the band; nowhere without one."""


def is_positive(scores: ArrayLike, threshold: float | NDArray[np.float64]) -> NDArray[np.bool_]:
    """(…) whether samples with these probabilities (…) of the positive class are called positive.

    Args:
        scores: Probabilities of the positive class (…); float32 is compared as the float64 that it equals.
        threshold: One, or one for each sample.
    """
    return np.asarray(np.asarray(scores, dtype=np.float64) >= threshold)


def decide(
    probabilities: ArrayLike,
    positive: int | None = None,
    threshold: float | NDArray[np.float64] | None = None,
    band: LowConfidenceBand | None = None,
) -> Decisions:
    """What probabilities say: for two classes by the threshold, for more the likeliest.

    With a threshold away from 0.5 a confidence can be below 0.5: just above a low threshold a sample is called positive
    because a miss costs more, not because positive is likelier.

    Args:
        probabilities: (…, K), calibrated.
        positive: Index of the positive one of two classes; None: the likeliest class is predicted.
        threshold: From which probability on the positive class is predicted, for all samples or for each (…).
        band: Which answers are of low confidence; None: none is.

    Examples:
        >>> decisions = decide([[0.8, 0.2], [0.4, 0.6]], positive=1, threshold=0.15)
        >>> decisions.classes.tolist(), decisions.confidences.tolist()
        ([1, 1], [0.2, 0.6])
    """
    values = np.asarray(probabilities, dtype=np.float64)
    if positive is None or threshold is None:
        classes = values.argmax(axis=-1)
    else:
        classes = np.where(is_positive(values[..., positive], threshold), positive, 1 - positive)
    confidences = np.take_along_axis(values, classes[..., None], axis=-1)[..., 0]
    if band is None:
        low = np.zeros(classes.shape, bool)
    else:
        quantity = values[..., positive] if band.quantity == "score" and positive is not None else confidences
        low = (quantity >= band.low) & (quantity <= band.high)
    return Decisions(classes.astype(np.int64), confidences, low)
