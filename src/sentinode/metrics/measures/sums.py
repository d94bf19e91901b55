"""What adds up over the samples: cells of the confusion matrix, and losses."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sentinode.core.metric import Metric
from sentinode.metrics.measures.calibration import brier_scores, calibrated_event, log_losses
from sentinode.metrics.measures.calibration_error import calibration_error
from sentinode.metrics.measures.intervals import Resampling, percentile_interval
from sentinode.metrics.predictions import Predictions


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums for each of B resamples, or for the samples themselves with B = 1."""

    cells: NDArray[np.float64]
    """Confusion counts (B, K²), rows true, columns predicted; for two classes tn, fp, fn, tp."""

    losses: dict[str, NDArray[np.float64]]
    """`brier` and `log_loss`, means over the samples, each (B)."""

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The resamples of all `parts`, in their order."""
        losses = {name: np.concatenate([part.losses[name] for part in parts]) for name in parts[0].losses}
        return cls(np.concatenate([part.cells for part in parts]), losses)


class SampleSums:
    """One matrix (N, K² + 2), so that all sums of many resamples are one matrix product."""

    def __init__(self, predictions: Predictions, threshold: float | None) -> None:
        k = len(predictions.class_names)
        true, called = predictions.labels, predictions.decisions(threshold).classes
        if predictions.binary:
            # The negative class comes first, whichever column it has.
            true, called = true == predictions.positive, called == predictions.positive
        losses = (
            brier_scores(predictions.probabilities, predictions.labels),
            log_losses(predictions.probabilities, predictions.labels),
        )
        self._cell_count = k * k
        self._columns = np.concatenate([np.eye(k * k)[true * k + called], np.stack(losses, axis=1)], axis=1)

    def of(self, weights: NDArray[np.float64] | None = None) -> Sums:
        """Sums with each sample counted `weights` (B, N) times; once each without them."""
        counts = np.ones((1, len(self._columns))) if weights is None else weights
        summed = counts @ self._columns
        means = summed[:, self._cell_count :] / counts.sum(axis=1, keepdims=True)
        return Sums(summed[:, : self._cell_count], {"brier": means[:, 0], "log_loss": means[:, 1]})


def loss_metrics(predictions: Predictions, estimate: Sums, drawn: Sums, resampling: Resampling) -> dict[str, Metric]:
    """`brier` and `log_loss` with bootstrap intervals, and `calibration_error` with its own."""
    n = len(predictions)
    losses = {
        name: percentile_interval(float(values[0]), drawn.losses[name], resampling, n=n)
        for name, values in estimate.losses.items()
    }
    return losses | {"calibration_error": calibration_error(*calibrated_event(predictions), resampling)}
