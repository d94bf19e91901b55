"""The metrics that other packages bring, with the bootstrap's interval."""

import numpy as np
from numpy.typing import NDArray

from sentinode.core.messages import one_line
from sentinode.core.metric import Metric
from sentinode.metrics.measures.intervals import Resampling, percentile_interval
from sentinode.metrics.metric_table import MetricKind, declared_metrics
from sentinode.metrics.predictions import Predictions


def plugin_metrics(predictions: Predictions, threshold: float | None, resampling: Resampling) -> dict[str, Metric]:
    """Every metric that an installed package declares; one that fails is undefined, and says why."""
    kinds = declared_metrics()
    if not kinds:
        return {}
    labels, probabilities = predictions.labels, predictions.probabilities
    decisions = predictions.decisions(threshold).classes
    if predictions.positive == 0:  # the positive class comes second, whichever column it has
        labels, probabilities, decisions = 1 - labels, probabilities[:, ::-1], 1 - decisions
    return {kind.name: _metric(kind, labels, probabilities, decisions, resampling) for kind in kinds}


def _metric(
    kind: MetricKind,
    labels: NDArray[np.int64],
    probabilities: NDArray[np.float64],
    decisions: NDArray[np.int64],
    resampling: Resampling,
) -> Metric:
    n = len(labels)
    if kind.value is None:
        return Metric.undefined(kind.undefined or "its entry has no value to compute", n)
    try:
        estimate = float(kind.value(labels, probabilities, decisions))
        drawn = [
            kind.value(labels[rows], probabilities[rows], decisions[rows])
            for weights in resampling.batches()
            for rows in (np.repeat(np.arange(n), row.astype(np.int64)) for row in weights)
        ]
    except Exception as error:  # noqa: BLE001 - whatever a stranger's function raises
        return Metric.undefined(f"{type(error).__name__}: {one_line(error)}", n)
    if np.isnan(estimate):
        return Metric.undefined(kind.undefined or "not a number on these samples", n)
    return percentile_interval(estimate, np.array(drawn, dtype=np.float64), resampling, n=n)
