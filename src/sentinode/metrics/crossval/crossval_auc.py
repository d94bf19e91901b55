"""The AUC that a cross-validation gives, with an interval that covers what the classifier reaches on new samples."""

import numpy as np
from numpy.typing import NDArray
from scipy import special

from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.crossval.fold_answers import FoldAnswers, pooled_aucs, repeat_aucs, within_folds
from sentinode.metrics.measures.auc_interval import auc_metric, hanley_mcneil_variance, score_interval
from sentinode.metrics.measures.intervals import NORMAL_WIDTH, Resampling, percentile_interval
from sentinode.metrics.measures.ranking import Ranking
from sentinode.metrics.measures.roc import delong

_FARTHEST = 0.4999  # an AUC of 1 has no logit; figures at the end get an exact bound instead


def auc_metrics(answers: FoldAnswers, resampling: Resampling) -> dict[str, Metric]:
    """`auc`, the figure to go by, and beside it `auc_pooled` and `auc_bootstrap`.

    `auc` is the mean over repeats of the mean over folds. Its variance has two parts: that of the samples (DeLong's on
    the pooled out-of-fold scores, averaged over the repeats; where groups are known no less than the bootstrap's over
    groups), and that of what was learned (between the repeats, whose models had seen other samples). An interval from
    the first part alone covers too seldom: it takes the classifier as given, and with tens of samples it is not.

    `auc_pooled` ranks across folds (logit DeLong, ends averaged over the repeats); `auc_bootstrap` is of the mean of
    the repeats' scores. For more than two classes there are the macro AUC and its bootstrap.
    """
    drawn = _drawn(answers, resampling)
    of_mean = float(_rankings_auc(answers, None))
    resampled = percentile_interval(of_mean, drawn, resampling, n=len(answers.labels))
    metrics = {"auc": _headline(answers, float(np.nanvar(drawn)), resampling)}
    if answers.binary:
        metrics["auc_pooled"] = _pooled(answers)
    note = f"{resampled.method}, of the mean out-of-fold score"
    metrics["auc_bootstrap"] = Metric(resampled.value, resampled.low, resampled.high, note, resampled.n)
    return metrics


def hanley_mcneil(auc: float, positives: int, negatives: int) -> float:
    """Half-width of the 95 % interval of an AUC to expect at these numbers (Hanley & McNeil 1982)."""
    return float(NORMAL_WIDTH * np.sqrt(hanley_mcneil_variance(auc, positives, negatives)))


def _headline(answers: FoldAnswers, bootstrap_variance: float, resampling: Resampling) -> Metric:
    values = repeat_aucs(answers)
    value, n = float(values.mean()), len(answers.labels)
    what = "mean over folds" if within_folds(answers) else "ranked across folds, because a fold has one class alone"
    if answers.binary and value in (0.0, 1.0):
        truths = answers.mean().truths
        return auc_metric(truths, truths if value == 1.0 else 1 - truths)
    variance, source = bootstrap_variance, str(resampling)
    if answers.binary:
        truths = answers.mean().truths
        scores = answers.probabilities[:, :, answers.positive]
        exact = float(np.mean([delong(truths, row).covariance[0, 0] for row in scores]))
        if not resampling.by_group or exact >= bootstrap_variance:
            variance, source = exact, "DeLong's variance averaged over the repeats"
    if len(values) > 1:
        variance += float(values.var(ddof=1))
        source += " plus that between them"
    if not np.isfinite(variance):
        return Metric(value, None, None, "no interval: undefined in every resample", n)
    centre = 0.5 + np.clip(value - 0.5, -_FARTHEST, _FARTHEST)
    width = NORMAL_WIDTH * np.sqrt(variance) / (centre * (1 - centre))
    low, high = special.expit(special.logit(centre) + np.array([-width, width]))
    ends = [(float(low), float(high)), (value, value)]
    if answers.binary:  # with few positives any estimate of the variance may miss what varies: see `auc_interval`
        positives = int(answers.mean().truths.sum())
        ends.append(score_interval(value, positives, n - positives))
    lows, highs = zip(*ends, strict=True)
    method = f"{what}; {source}, logit scale" + (", no narrower than by Hanley and McNeil" if answers.binary else "")
    return Metric(value, min(lows), max(highs), method, n)


def _pooled(answers: FoldAnswers) -> Metric:
    """Ends of the repeats' intervals, averaged: a mean of quantiles, neither narrower nor wider than a usual repeat."""
    truths = answers.mean().truths
    each = [auc_metric(truths, row) for row in answers.probabilities[:, :, answers.positive]]
    lows = [one.low for one in each if one.low is not None]
    highs = [one.high for one in each if one.high is not None]
    value = float(pooled_aucs(answers).mean())
    if len(lows) < len(each):
        return Metric(value, None, None, each[0].method, each[0].n)
    method = f"logit DeLong on the pooled scores, ends averaged over {plural(len(each), 'repeat')}"
    return Metric(value, float(np.mean(lows)), float(np.mean(highs)), method, each[0].n)


def _drawn(answers: FoldAnswers, resampling: Resampling) -> NDArray[np.float64]:
    """AUC of the mean out-of-fold score in every resample (B)."""
    rankings = _rankings(answers)
    return np.array(
        [np.mean([one.auc(weights) for one in rankings]) for batch in resampling.batches() for weights in batch]
    )


def _rankings(answers: FoldAnswers) -> list[Ranking]:
    mean = answers.mean()
    if mean.binary:
        return [Ranking(mean.truths, mean.scores)]
    return [Ranking(mean.labels == number, column) for number, column in enumerate(mean.probabilities.T)]


def _rankings_auc(answers: FoldAnswers, weights: NDArray[np.float64] | None) -> float:
    return float(np.mean([one.auc(weights) for one in _rankings(answers)]))
