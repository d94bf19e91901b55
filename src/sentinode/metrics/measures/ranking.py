"""Areas that depend only on the order of the scores, for one set of samples and for its bootstrap resamples."""

import numpy as np
from numpy.typing import ArrayLike, NDArray


class Ranking:
    """Samples sorted once by their score, so that every resample of them costs O(N) instead of a sort.

    Args:
        truths: 1 for positive and 0 for negative samples (N).
        scores: Higher is likelier positive (N).
    """

    def __init__(self, truths: ArrayLike, scores: ArrayLike) -> None:
        scores = np.asarray(scores, dtype=np.float64)
        self._order = np.argsort(scores, kind="stable")
        ordered = scores[self._order]
        self._positive = np.asarray(truths)[self._order].astype(np.float64)
        self.starts = np.flatnonzero(np.concatenate([[True], ordered[1:] != ordered[:-1]]))
        self.values = ordered[self.starts]
        """Distinct scores, ascending (D)."""

    def counts(self, weights: NDArray[np.float64] | None = None) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Positive and negative samples at each distinct score (D), (D), counted `weights` (N) times."""
        everything = np.ones(len(self._order)) if weights is None else weights[self._order]
        positive = everything * self._positive
        if len(self.starts) < len(self._order):
            positive = np.add.reduceat(positive, self.starts)
            everything = np.add.reduceat(everything, self.starts)
        return positive, everything - positive

    def auc(self, weights: NDArray[np.float64] | None = None) -> float:
        """Area under the ROC curve (Mann–Whitney, a tie counts half); NaN when a class is missing."""
        return _auc(*self.counts(weights))

    def areas(self, weights: NDArray[np.float64] | None = None) -> tuple[float, float]:
        """`auc`, and the average precision: the sum of precision times step in recall, tied scores taken at once.

        Without positive samples both are NaN.
        """
        positive, negative = self.counts(weights)
        total = positive.sum()
        if total == 0:
            return float("nan"), float("nan")
        hits = np.cumsum(positive[::-1])
        called = hits + np.cumsum(negative[::-1])
        # Scores that a resample leaves out at the top have called = 0; they add nothing.
        precision = np.divide(hits, called, out=np.zeros_like(hits), where=called > 0)
        return _auc(positive, negative), float(positive[::-1] @ precision / total)


def _auc(positive: NDArray[np.float64], negative: NDArray[np.float64]) -> float:
    pairs = positive.sum() * negative.sum()
    if pairs == 0:
        return float("nan")
    below = np.cumsum(negative) - negative / 2
    return float(positive @ below / pairs)
