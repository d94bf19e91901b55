"""Two models cross-validated on the same folds: the difference of their AUCs, paired by sample and by repeat."""

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.crossval.fold_answers import FoldAnswers, repeat_aucs
from sentinode.metrics.measures.auc_interval import auc_difference
from sentinode.metrics.measures.intervals import NORMAL_WIDTH, Resampling
from sentinode.metrics.measures.ranking import Ranking


def paired_auc(a: FoldAnswers, b: FoldAnswers, resampling: Resampling) -> Metric:
    """AUC of `b` less that of `a`: the mean over repeats of the mean over folds, as `auc` of each.

    The interval has the two parts of `auc_metrics`: what other samples would change (DeLong's paired interval of the
    pooled scores, its ends averaged over the repeats; where groups are known no narrower than by the bootstrap's
    variance over groups), and what other folds and seeds change (the variance of the repeats' differences). The first
    part alone takes both models as given.

    Args:
        a: The model to beat.
        b: Another, on the same samples, dealt into the same folds.
        resampling: Groups, resamples and seed.

    Raises:
        EvaluationError: They are not of two classes, or of other samples or folds.
    """
    if not (a.binary and b.binary):
        raise EvaluationError(f"{plural(len(a.class_names), 'class')}: AUCs are paired for two classes only")
    if a.ids != b.ids or not np.array_equal(a.folds, b.folds) or not np.array_equal(a.labels, b.labels):
        raise EvaluationError("two cross-validations of other samples or folds can't be paired; use the same for both")
    each = repeat_aucs(b) - repeat_aucs(a)  # (R,)
    value, n = float(each.mean()), len(a.ids)
    ends = [_pooled(a, b, number) for number in range(a.repeats)]
    known = [end for end in ends if end is not None]
    if len(known) < len(ends):
        return Metric(value, None, None, "no interval: DeLong's needs two samples of each class", n)
    down, up = np.mean(known, axis=0)
    method = "DeLong, paired, ends averaged over the repeats"
    if resampling.by_group:
        reach = NORMAL_WIDTH * float(np.sqrt(np.nanvar(_drawn(a, b, resampling))))
        down, up = max(down, reach), max(up, reach)
        method += f", no narrower than {resampling}"
    if a.repeats > 1:
        between = NORMAL_WIDTH**2 * float(each.var(ddof=1))
        down, up = np.sqrt(down**2 + between), np.sqrt(up**2 + between)
        method += "; plus the variance between the repeats"
    return Metric(value, max(value - float(down), -1.0), min(value + float(up), 1.0), method, n)


def _pooled(a: FoldAnswers, b: FoldAnswers, repeat: int) -> tuple[float, float] | None:
    """How far the paired interval of one repeat's pooled scores reaches down and up."""
    one, other = a.repeat(repeat), b.repeat(repeat)
    metric, _ = auc_difference(one.truths, one.scores, other.scores)
    if metric.value is None or metric.low is None or metric.high is None:
        return None
    return metric.value - metric.low, metric.high - metric.value


def _drawn(a: FoldAnswers, b: FoldAnswers, resampling: Resampling) -> NDArray[np.float64]:
    """The difference for the mean out-of-fold scores, in every resample (B)."""
    one, other = a.mean(), b.mean()
    first, second = Ranking(one.truths, one.scores), Ranking(other.truths, other.scores)
    return np.array([second.auc(row) - first.auc(row) for weights in resampling.batches() for row in weights])
