"""What a model answered on a labelled set: the only thing that evaluation takes in."""

from collections import Counter
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from sentinode.core.decision import Decisions, LowConfidenceBand, decide
from sentinode.core.errors import EvaluationError
from sentinode.core.messages import agree, plural

LIKELIEST = 0.5
"""The threshold at which the positive one of two classes is the likeliest."""


@dataclass(frozen=True, eq=False)
class Predictions:
    """N labelled samples with a probability for each of K classes, in the order of the data set.

    Arrays are stored as int64 and float64 whatever came in (float32 is widened, which changes no value) and are
    read-only.

    Raises:
        EvaluationError: Lengths differ, nothing is there, a label is out of range, a probability is not finite or not
            in [0, 1], ids repeat, or two classes come without saying which one is positive.
    """

    ids: list[str]
    """Sample ids (N), unique."""

    paths: list[str]
    """Where each sample's image lies (N); empty strings where the source has no files."""

    labels: NDArray[np.int64]
    """True class index (N)."""

    probabilities: NDArray[np.float64]
    """Calibrated probability of each class (N, K), rows sum to 1."""

    class_names: tuple[str, ...]
    """Names of the K classes."""

    positive: int | None = None
    """Index of the positive class; given exactly when K = 2."""

    groups: list[str] | None = None
    """Slide or patient of each sample (N), or None where none is known."""

    def __post_init__(self) -> None:
        labels = np.array(self.labels)
        if labels.size and not np.issubdtype(labels.dtype, np.integer):
            message = f"labels are {labels.dtype}; give whole numbers that index {list(self.class_names)}"
            raise EvaluationError(message)
        probabilities = np.array(self.probabilities, dtype=np.float64)
        object.__setattr__(self, "labels", labels.astype(np.int64))
        object.__setattr__(self, "probabilities", probabilities)
        self._check()
        self.labels.flags.writeable = False
        self.probabilities.flags.writeable = False

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def binary(self) -> bool:
        """Whether there are two classes, of which one is positive, so that a threshold decides."""
        return len(self.class_names) == 2

    @property
    def scores(self) -> NDArray[np.float64]:
        """Probability of the positive class (N); two classes only."""
        return np.asarray(self.probabilities[:, self._positive_index()])

    @property
    def truths(self) -> NDArray[np.int64]:
        """1 where the sample is of the positive class, otherwise 0 (N); two classes only."""
        return np.asarray(self.labels == self._positive_index(), dtype=np.int64)

    @property
    def group_codes(self) -> NDArray[np.int64] | None:
        """The group of each sample as a number from 0 (N), in the order of the sorted names; None without groups."""
        if self.groups is None:
            return None
        codes = np.unique(np.asarray(self.groups, dtype=str), return_inverse=True)[1]
        return np.asarray(codes, dtype=np.int64)

    def decisions(self, threshold: float | None, band: LowConfidenceBand | None = None) -> Decisions:
        """What the model says of each sample (N), by the rule that serves it; see `core.decision.decide`.

        For calibrated probabilities, one minus the confidence is the chance that the printed class is wrong, so it is
        the right order for a risk–coverage curve.

        Raises:
            EvaluationError: Two classes without a threshold, or a threshold for more than two.
        """
        if self.binary != (threshold is not None):
            message = (
                f"{plural(len(self.class_names), 'class')} with threshold {threshold}: two classes need "
                "one, more have none"
            )
            raise EvaluationError(message)
        return decide(self.probabilities, self.positive, threshold, band)

    def _positive_index(self) -> int:
        if self.positive is None:
            message = (
                f"{len(self.class_names)} classes have no positive one; a threshold and its figures need two classes"
            )
            raise EvaluationError(message)
        return self.positive

    def _check(self) -> None:
        n, k = len(self.ids), len(self.class_names)
        if n == 0:
            raise EvaluationError("no predictions to evaluate: the split is empty; choose another with --split")
        lengths = {"paths": len(self.paths), "labels": len(self.labels), "probabilities": len(self.probabilities)}
        if self.groups is not None:
            lengths["groups"] = len(self.groups)
        wrong = {name: length for name, length in lengths.items() if length != n}
        if wrong:
            raise EvaluationError(f"{plural(n, 'id')} but {wrong}; give one of each per sample")
        if k < 2 or len(set(self.class_names)) != k:
            raise EvaluationError(f"class names are {list(self.class_names)}; give at least two different ones")
        if (k == 2) != (self.positive is not None) or self.positive not in (None, 0, 1):
            message = (
                f"positive is {self.positive} for {plural(k, 'class')}; give 0 or 1 for two classes "
                "and nothing for more"
            )
            raise EvaluationError(message)
        self._check_values(k)
        if len(set(self.ids)) != n:
            twice = [name for name, count in Counter(self.ids).most_common(3) if count > 1]
            raise EvaluationError(f"ids repeat, such as {twice}; every sample needs its own")

    def _check_values(self, k: int) -> None:
        if self.labels.ndim != 1 or self.labels.min() < 0 or self.labels.max() >= k:
            message = (
                f"labels run from {self.labels.min()} to {self.labels.max()}; give 0 to {k - 1} for "
                f"{plural(k, 'class')}"
            )
            raise EvaluationError(message)
        if self.probabilities.shape != (len(self.ids), k):
            message = f"probabilities are {self.probabilities.shape}; give ({len(self.ids)}, {k})"
            raise EvaluationError(message)
        bad = ~(np.isfinite(self.probabilities) & (self.probabilities >= 0) & (self.probabilities <= 1)).all(axis=1)
        # 1e-3: the tolerance between engines; half-precision softmax stays well within it.
        bad |= np.abs(self.probabilities.sum(axis=1) - 1) > 1e-3
        if bad.any():
            row = int(bad.argmax())
            values = self.probabilities[row].tolist()
            message = (
                f"{agree(int(bad.sum()), 'sample has', 'samples have')} no probabilities in [0, 1] with sum "
                f"1, first {self.ids[row]}: {values}"
            )
            raise EvaluationError(message)
