"""Area under the ROC curve of slides: does a slide's score tell tumour from none?"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import ArrayLike

from sentinode.core.errors import EvaluationError
from sentinode.core.messages import plural
from sentinode.core.metric import Metric
from sentinode.metrics.measures.auc_interval import auc_metric
from sentinode.metrics.measures.intervals import Resampling, percentile_interval, wider
from sentinode.metrics.measures.ranking import Ranking


def slide_auc(
    truths: ArrayLike,
    scores: ArrayLike,
    *,
    groups: Sequence[str] | None = None,
    resamples: int = 1000,
    seed: int = 42,
) -> Metric:
    """The AUC of slide scores with its interval.

    Args:
        truths: 1 for slides with tumour, isolated cells included, 0 for others (N).
        scores: Higher is likelier tumour (N).
        groups: Patient of each slide. Slides of a patient resemble each other, so the interval is then a bootstrap
            over patients, no narrower than DeLong's. None: DeLong's, which takes slides as independent.
        resamples: Number of bootstrap resamples.
        seed: Of the bootstrap.

    Raises:
        EvaluationError: The lengths differ, a truth is neither 0 nor 1, or a score is not a finite number.
    """
    truth, score = np.asarray(truths, dtype=np.float64), np.asarray(scores, dtype=np.float64)
    if truth.shape != score.shape or (groups is not None and len(groups) != len(truth)):
        raise EvaluationError(
            f"{plural(len(truth), 'truth')} and {plural(len(score), 'score')}; give one truth, score, group for a slide"
        )
    if not np.isin(truth, (0, 1)).all() or not np.isfinite(score).all():
        raise EvaluationError("a slide's truth is 0 or 1 and its score a finite number; leave slides without them out")
    single = auc_metric(truth, score)
    if groups is None or single.value is None:
        return single
    numbers = np.unique(np.asarray(groups), return_inverse=True)[1].astype(np.int64)
    resampling = Resampling(truth.astype(np.int64), numbers, resamples, seed)
    if not resampling.by_group:
        return single
    ranking = Ranking(truth, score)
    drawn = np.array([ranking.auc(row) for batch in resampling.batches() for row in batch])
    return wider(percentile_interval(single.value, drawn, resampling, n=len(truth)), single)
