"""What out-of-fold decisions and probabilities give: rates, the confusion matrix, losses, each with its interval."""

import numpy as np
from numpy.typing import NDArray

from sentinode.core.metric import Metric
from sentinode.metrics.crossval.fold_answers import FoldAnswers
from sentinode.metrics.measures.calibration import brier_scores, log_losses
from sentinode.metrics.measures.intervals import Resampling, clopper_pearson, percentile_interval, wider


def decision_rates(answers: FoldAnswers, resampling: Resampling) -> dict[str, Metric]:
    """Rates of the decisions, each made at its own fold's threshold; a sample counts with its mean over the repeats."""
    right = (answers.decided() == answers.labels).mean(axis=0)  # (N)
    everything = np.ones(len(right), dtype=bool)
    if not answers.binary:
        return {"accuracy": _rate(right, everything, resampling)}
    positive = answers.labels == answers.positive
    members = {"sensitivity": positive, "specificity": ~positive, "accuracy": everything}
    return {name: _rate(right, inside, resampling) for name, inside in members.items()}


def _rate(right: NDArray[np.float64], inside: NDArray[np.bool_], resampling: Resampling) -> Metric:
    # The mean count need not be whole; the beta quantiles of the exact interval don't ask for that.
    n, k = int(inside.sum()), float(right[inside].sum())
    low, high = clopper_pearson(k, n)
    exact = Metric(k / n, float(low), float(high), "Clopper–Pearson at the mean count over the repeats", n)
    if not resampling.by_group:
        return exact
    drawn = _weighted_means(right, inside, resampling)
    return wider(percentile_interval(k / n, drawn, resampling, n=n), exact)


def probability_losses(answers: FoldAnswers, resampling: Resampling) -> dict[str, Metric]:
    """`brier` and `log_loss`: each sample with its mean over the repeats."""
    everything = np.ones(len(answers.labels), dtype=bool)
    found = {}
    for name, loss in (("brier", brier_scores), ("log_loss", log_losses)):
        each = np.mean([loss(probabilities, answers.labels) for probabilities in answers.probabilities], axis=0)
        drawn = _weighted_means(each, everything, resampling)
        found[name] = percentile_interval(float(each.mean()), drawn, resampling, n=len(each))
    return found


def _weighted_means(
    values: NDArray[np.float64], inside: NDArray[np.bool_], resampling: Resampling
) -> NDArray[np.float64]:
    """Mean of the values inside, in every resample (B); NaN where a resample has none of them."""
    means = []
    for weights in resampling.batches():
        counts = weights[:, inside]
        with np.errstate(invalid="ignore"):
            means.append(counts @ values[inside] / counts.sum(axis=1))
    return np.concatenate(means)


def confusion(answers: FoldAnswers) -> tuple[tuple[tuple[int, ...], ...], tuple[str, ...]]:
    """Decisions summed over the repeats, rows true, columns called; and the names of both, the positive class last."""
    names = answers.class_names
    order = list(range(len(names))) if answers.positive is None else [1 - answers.positive, answers.positive]
    decided = answers.decided()
    rows = (tuple(int(((decided == j) & (answers.labels == i)).sum()) for j in order) for i in order)
    return tuple(rows), tuple(names[number] for number in order)
