"""What adds up over the samples: cells of the confusion matrix, losses and calibration residuals."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
from numpy.typing import NDArray

from sentinode.core.metric import Metric
from sentinode.metrics.measures.calibration import BINS, brier_scores, calibrated_event, equal_mass_bins, log_losses
from sentinode.metrics.measures.intervals import Resampling, percentile_interval
from sentinode.metrics.predictions import Predictions


@dataclass(frozen=True, eq=False)
class Sums:
    """Sums for each of B resamples, or for the samples themselves with B = 1."""

    cells: NDArray[np.float64]
    """Confusion counts (B, K²), rows true, columns predicted; for two classes tn, fp, fn, tp."""

    losses: dict[str, NDArray[np.float64]]
    """`brier`, `log_loss` and `calibration_error`, means over the samples, each (B)."""

    @classmethod
    def joined(cls, parts: Sequence[Self]) -> Self:
        """The resamples of all `parts`, in their order."""
        losses = {name: np.concatenate([part.losses[name] for part in parts]) for name in parts[0].losses}
        return cls(np.concatenate([part.cells for part in parts]), losses)


class SampleSums:
    """One matrix (N, K² + 2 + BINS), so that all sums of many resamples are one matrix product.

    The bins of the calibration error stay those of the samples themselves.
    """

    def __init__(self, predictions: Predictions, threshold: float | None) -> None:
        k = len(predictions.class_names)
        true, called = predictions.labels, predictions.decisions(threshold).classes
        if predictions.binary:
            # The negative class comes first, whichever column it has.
            true, called = true == predictions.positive, called == predictions.positive
        predicted, outcomes = calibrated_event(predictions)
        residuals = (outcomes - predicted)[:, None]
        losses = (
            brier_scores(predictions.probabilities, predictions.labels),
            log_losses(predictions.probabilities, predictions.labels),
        )
        self._cell_count = k * k
        self._columns = np.concatenate(
            [
                np.eye(k * k)[true * k + called],
                np.stack(losses, axis=1),
                np.eye(BINS)[equal_mass_bins(predicted)] * residuals,
            ],
            axis=1,
        )

    def of(self, weights: NDArray[np.float64] | None = None) -> Sums:
        """Sums with each sample counted `weights` (B, N) times; once each without them."""
        counts = np.ones((1, len(self._columns))) if weights is None else weights
        summed = counts @ self._columns
        means = summed[:, self._cell_count :] / counts.sum(axis=1, keepdims=True)
        losses = {"brier": means[:, 0], "log_loss": means[:, 1], "calibration_error": np.abs(means[:, 2:]).sum(axis=1)}
        return Sums(summed[:, : self._cell_count], losses)


def loss_metrics(estimate: Sums, drawn: Sums, resampling: Resampling, n: int) -> dict[str, Metric]:
    """`brier`, `log_loss` and `calibration_error` with bootstrap intervals.

    The calibration error (Naeini et al. 2015) is the mean over samples of their bin's |observed − predicted|. Noise can
    only raise it, so its resamples are shifted back by their bias.
    """
    return {
        name: percentile_interval(
            float(values[0]), drawn.losses[name], resampling, n=n, centred=name == "calibration_error"
        )
        for name, values in estimate.losses.items()
    }
