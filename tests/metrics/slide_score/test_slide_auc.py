"""The area under the ROC curve of slides, by slide and by patient."""

import numpy as np
import pytest

from sentinode.core.errors import EvaluationError
from sentinode.metrics.slide_score.slide_auc import slide_auc


def test_slide_auc_by_slide_and_by_patient():
    truths, scores = [0, 0, 0, 1, 1, 1, 0, 1], [0.1, 0.4, 0.35, 0.8, 0.3, 0.9, 0.2, 0.7]
    alone = slide_auc(truths, scores)
    assert alone.value == pytest.approx(14 / 16)
    assert "DeLong" in alone.method
    grouped = slide_auc(truths, scores, groups=list("aabbccdd"), resamples=200)
    assert grouped.value == alone.value
    assert "4 groups" in grouped.method
    assert grouped.low <= alone.low
    assert grouped.high >= alone.high


def test_slide_auc_refuses_what_is_no_truth_and_says_what_is_missing():
    assert slide_auc([1, 1], [0.1, 0.2]).value is None
    with pytest.raises(EvaluationError, match="0 or 1"):
        slide_auc([0, 2], [0.1, 0.2])
    with pytest.raises(EvaluationError, match="finite"):
        slide_auc([0, 1], [0.1, np.nan])
    with pytest.raises(EvaluationError, match="2 truths and 1 score;"):
        slide_auc([0, 1], [0.1])
