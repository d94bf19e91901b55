"""Every figure of two classes with its interval, from one score vector, one confusion matrix, one set of resamples."""

import numpy as np
from numpy.typing import NDArray

from sentinode.core.metric import Metric
from sentinode.metrics.measures.auc_interval import auc_metric, delong_metric
from sentinode.metrics.measures.intervals import Resampling, percentile_interval, wider
from sentinode.metrics.measures.precision_interval import average_precision_metric
from sentinode.metrics.measures.ranking import Ranking
from sentinode.metrics.measures.rates import Matrix, derived, threshold_metrics
from sentinode.metrics.measures.sums import SampleSums, Sums, loss_metrics
from sentinode.metrics.predictions import Predictions


def binary_measures(
    predictions: Predictions, threshold: float, resampling: Resampling
) -> tuple[Matrix, dict[str, Metric]]:
    """The confusion matrix, and every figure by name in the order in which to print them."""
    sums, ranking = SampleSums(predictions, threshold), Ranking(predictions.truths, predictions.scores)
    drawn_sums, drawn_areas = _draw(sums, ranking, resampling)
    estimate = sums.of()
    tn, fp, fn, tp = (round(count) for count in estimate.cells[0].tolist())
    matrix = ((tn, fp), (fn, tp))
    metrics = _areas(predictions, ranking, drawn_areas, resampling)
    metrics |= threshold_metrics(matrix, derived(drawn_sums.cells), resampling)
    metrics |= loss_metrics(predictions, estimate, drawn_sums, resampling)
    return matrix, metrics


def _draw(sums: SampleSums, ranking: Ranking, resampling: Resampling) -> tuple[Sums, NDArray[np.float64]]:
    """Sums and (AUC, average precision) of every resample."""
    parts, areas = [], []
    for weights in resampling.batches():
        parts.append(sums.of(weights))
        areas.append(np.array([ranking.areas(row) for row in weights]))
    return Sums.joined(parts), np.concatenate(areas)


def _areas(
    predictions: Predictions, ranking: Ranking, drawn: NDArray[np.float64], resampling: Resampling
) -> dict[str, Metric]:
    n = len(predictions)
    exact = auc_metric(predictions.truths, predictions.scores)
    if exact.value is None:
        reason = exact.method.removeprefix("undefined: ")
        names = ("auc", "auc_delong", "auc_bootstrap", "average_precision")
        undefined = {name: Metric.undefined(reason, n) for name in names}
        if predictions.truths.any():
            undefined["average_precision"] = Metric.undefined("every sample is positive", n)
        return undefined
    resampled = percentile_interval(exact.value, drawn[:, 0], resampling, n=n)
    return {
        "auc": wider(resampled, exact) if resampling.by_group else exact,
        "auc_delong": delong_metric(predictions.truths, predictions.scores),
        "auc_bootstrap": resampled,
        "average_precision": average_precision_metric(
            ranking.areas()[1], int(predictions.truths.sum()), drawn[:, 1], resampling, n=n
        ),
    }
