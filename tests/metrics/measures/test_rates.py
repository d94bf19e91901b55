import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as sk

from sentinode.metrics.measures.intervals import Resampling
from sentinode.metrics.measures.rates import confusion_matrix, derived, threshold_metrics

counts = st.tuples(*[st.integers(0, 50)] * 4).filter(lambda cells: sum(cells) > 0)


def measured(matrix, resamples=200):
    (tn, fp), (fn, tp) = matrix
    labels = np.repeat([0, 1], [tn + fp, fn + tp])
    cells = np.repeat([0, 1, 2, 3], [tn, fp, fn, tp])
    resampling = Resampling(labels, None, resamples, 0)
    drawn = np.concatenate([weights @ np.eye(4)[cells] for weights in resampling.batches()])
    return threshold_metrics(matrix, derived(drawn), resampling)


@given(counts)
def test_every_rate_follows_from_the_one_confusion_matrix(cells):
    tn, fp, fn, tp = cells
    metrics = measured(((tn, fp), (fn, tp)), resamples=20)
    fractions = {
        "sensitivity": (tp, tp + fn),
        "specificity": (tn, tn + fp),
        "precision": (tp, tp + fp),
        "npv": (tn, tn + fn),
        "accuracy": (tp + tn, sum(cells)),
        "false_negative_rate": (fn, tp + fn),
        "false_positive_rate": (fp, tn + fp),
        "f1": (2 * tp, 2 * tp + fp + fn),
    }
    for name, (above, below) in fractions.items():
        metric = metrics[name]
        if below == 0:
            assert metric.value is None
            assert metric.method.startswith("undefined: ")
        else:
            assert metric.value == pytest.approx(above / below)
        if metric.low is not None:
            assert 0 <= metric.low <= metric.value <= metric.high <= 1
    if metrics["sensitivity"].value is not None and metrics["specificity"].value is not None:
        expected = (metrics["sensitivity"].value + metrics["specificity"].value) / 2
        assert metrics["balanced_accuracy"].value == pytest.approx(expected)
    else:
        assert metrics["balanced_accuracy"].value is None


@given(counts)
def test_summaries_agree_with_scikit_learn(cells):
    truths = np.repeat([0, 0, 1, 1], cells)
    called = np.repeat([0, 1, 0, 1], cells)
    found = derived(cells)
    if not np.isnan(found["f1"]):
        assert found["f1"] == pytest.approx(sk.f1_score(truths, called, zero_division=0))
    if not np.isnan(found["mcc"]):
        assert found["mcc"] == pytest.approx(sk.matthews_corrcoef(truths, called))
    if not np.isnan(found["balanced_accuracy"]):
        assert found["balanced_accuracy"] == pytest.approx(sk.balanced_accuracy_score(truths, called))


def test_the_matrix_is_laid_out_as_scikit_learns_and_the_threshold_itself_is_positive():
    truths, scores = [0, 0, 1, 1, 1], np.array([0.1, 0.5, 0.4, 0.5, 0.9])
    assert confusion_matrix(truths, scores, 0.5) == ((1, 1), (1, 2))
    assert sk.confusion_matrix(truths, scores >= 0.5).tolist() == [[1, 1], [1, 2]]


def test_the_figures_that_a_published_report_should_have_printed():
    # A published report claims precision 0.918, recall 0.952, specificity 0.937, F1 0.934 and accuracy 0.923 for this
    # matrix, and n = 33,004, though it sums to 48,730.
    metrics = measured(((31_250, 2_810), (1_420, 13_250)), resamples=100)
    names = ("precision", "sensitivity", "specificity", "f1", "accuracy")
    assert [round(metrics[name].value, 3) for name in names] == [0.825, 0.903, 0.917, 0.862, 0.913]
    assert metrics["accuracy"].n == 48_730


def test_counts_too_large_for_a_product_of_four():
    found = derived([10**9, 10**8, 10**8, 10**9])
    assert found["mcc"] == pytest.approx((1e18 - 1e16) / (1.1e9) ** 2)


def test_without_any_error_summaries_get_the_corners_of_exact_intervals():
    metrics = measured(((15, 0), (0, 15)))
    for name in ("balanced_accuracy", "mcc"):
        metric = metrics[name]
        assert metric.value == metric.high == 1
        assert "corners" in metric.method
    low = 0.0125 ** (1 / 15)
    assert metrics["balanced_accuracy"].low == pytest.approx(low)
    assert metrics["mcc"].low == pytest.approx(2 * low - 1)


def test_f1_has_the_exact_interval_of_the_overlap_that_it_rises_with():
    """Of positive or called samples, the number that are both is binomial: F1 = 2 J / (1 + J)."""
    metric = measured(((80, 4), (3, 13)))["f1"]
    found = stats.binomtest(13, 20).proportion_ci(method="exact")
    assert (metric.low, metric.high) == pytest.approx([2 * end / (1 + end) for end in (found.low, found.high)])
    assert (metric.n, "Clopper–Pearson of 13 of 20" in metric.method) == (100, True)
    alone = measured(((0, 0), (0, 15)))["f1"]
    low = 0.025 ** (1 / 15)
    assert (alone.low, alone.value, alone.high) == (pytest.approx(2 * low / (1 + low)), 1, 1)


def test_a_rate_in_groups_is_no_narrower_than_for_independent_samples():
    groups = np.repeat(np.arange(4), 25)
    labels = np.arange(100) % 2
    resampling = Resampling(labels, groups, 100, 0)
    cells = 3 * labels  # every answer is right
    drawn = np.concatenate([weights @ np.eye(4)[cells] for weights in resampling.batches()])
    metric = threshold_metrics(((50, 0), (0, 50)), derived(drawn), resampling)["sensitivity"]
    assert metric.low == pytest.approx(0.025 ** (1 / 50))
