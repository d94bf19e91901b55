"""Figures of out-of-fold answers, on numbers that can be counted by hand and against known formulas."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinode.core.errors import EvaluationError
from sentinode.metrics.crossval.crossval_auc import auc_metrics, hanley_mcneil
from sentinode.metrics.crossval.fold_answers import (
    FoldAnswers,
    fold_figures,
    pooled_aucs,
    repeat_aucs,
    within_folds,
)
from sentinode.metrics.crossval.permutation import permutation_test, shuffle_labels
from sentinode.metrics.crossval.summary import summarise
from sentinode.metrics.measures.intervals import Resampling, clopper_pearson
from sentinode.metrics.measures.roc import delong


def make_answers(scores: np.ndarray, labels: list[int], folds: list[list[int]], **fields: object) -> FoldAnswers:
    """Scores (R, N) of the class `tumour` as answers; thresholds of 0.5."""
    n = len(labels)
    positive = np.clip(np.asarray(scores, dtype=np.float64), 0, 1)
    values: dict[str, object] = {
        "ids": [f"image-{number}" for number in range(n)],
        "paths": [""] * n,
        "labels": np.array(labels),
        "probabilities": np.stack([1 - positive, positive], axis=2),
        "folds": np.array(folds),
        "thresholds": np.full((len(folds), max(folds[0]) + 1), 0.5),
        "class_names": ("normal", "tumour"),
        "positive": 1,
    }
    return FoldAnswers(**(values | fields))  # type: ignore[arg-type]


def random_answers(seed: int = 0, n: int = 40, repeats: int = 4, signal: float = 1.2, groups: int = 0) -> FoldAnswers:
    rng = np.random.default_rng(seed)
    labels = (np.arange(n) % 2).tolist()
    own = signal * np.array(labels) + rng.normal(0, 1, n)
    scores = 1 / (1 + np.exp(-(own + rng.normal(0, 0.4, (repeats, n)) - signal / 2)))
    folds = [np.repeat(np.arange(n // 8), 8)[:n].tolist() for _ in range(repeats)]
    names = [f"slide {number}" for number in rng.integers(0, groups, n)] if groups else None
    return make_answers(scores, labels, folds, groups=names)


def test_a_fold_is_judged_at_its_own_threshold() -> None:
    answers = make_answers(
        [[0.1, 0.6, 0.4, 0.9, 0.2, 0.3]], [0, 1, 1, 0, 0, 1], [[0, 0, 0, 0, 1, 1]], thresholds=np.array([[0.5, 0.25]])
    )
    first, second = fold_figures(answers)
    assert (first.n, first.positives, first.auc, first.sensitivity, first.specificity) == (4, 2, 0.5, 0.5, 0.5)
    assert (second.auc, second.sensitivity, second.specificity, second.threshold) == (1.0, 1.0, 1.0, 0.25)
    assert repeat_aucs(answers).tolist() == [0.75]
    assert within_folds(answers)
    # Ranked across folds: of the nine pairs, tumour scores higher in six.
    assert pooled_aucs(answers)[0] == pytest.approx(6 / 9)


def test_folds_of_one_class_are_ranked_together() -> None:
    answers = make_answers([[0.1, 0.6, 0.4, 0.9]], [0, 1, 1, 0], [[0, 1, 2, 3]])
    assert not within_folds(answers)
    assert repeat_aucs(answers).tolist() == pooled_aucs(answers).tolist() == [0.5]
    summary = summarise(answers, plan="leave one out", bar="auc>=0.8", resamples=50)
    assert summary.bar.total == 0
    assert summary.spread_folds is None
    assert any("one class alone" in limit for limit in summary.limits)


def test_the_interval_has_the_variance_of_samples_and_of_what_was_learned() -> None:
    answers = random_answers()
    metrics = auc_metrics(answers, Resampling(answers.labels, resamples=50))
    values = repeat_aucs(answers)
    of_samples = np.mean([delong(answers.labels, row[:, 1]).covariance[0, 0] for row in answers.probabilities])
    auc = metrics["auc"]
    assert auc.value == pytest.approx(values.mean())
    width = 1.959963985 * np.sqrt(of_samples + values.var(ddof=1)) / (auc.value * (1 - auc.value))
    assert np.log(auc.high / (1 - auc.high)) - np.log(auc.low / (1 - auc.low)) >= 2 * width - 1e-9
    once = replace(answers, probabilities=answers.probabilities[:1], folds=answers.folds[:1],
                   thresholds=answers.thresholds[:1])  # fmt: skip
    alone = auc_metrics(once, Resampling(once.labels, resamples=50))["auc"]
    assert "between them" not in alone.method
    assert "logit DeLong on the pooled scores" in metrics["auc_pooled"].method


def test_groups_can_only_widen_the_interval() -> None:
    answers = random_answers(groups=5)
    codes = answers.mean().group_codes
    by_group = auc_metrics(answers, Resampling(answers.labels, codes, resamples=200))["auc"]
    by_sample = auc_metrics(answers, Resampling(answers.labels, resamples=200))["auc"]
    assert by_group.high - by_group.low >= by_sample.high - by_sample.low - 1e-12


def test_perfect_ranking_has_an_exact_bound() -> None:
    labels = [0, 1] * 10
    answers = make_answers(np.array([labels, labels]) * 0.8 + 0.1, labels, [[0] * 10 + [1] * 10] * 2)
    auc = auc_metrics(answers, Resampling(answers.labels, resamples=20))["auc"]
    assert (auc.value, auc.high) == (1.0, 1.0)
    assert auc.low == pytest.approx(0.025 ** (1 / 10))
    summary = summarise(answers, plan="x", bar="sensitivity>=0.9", resamples=20)
    assert summary.metrics["sensitivity"].low == pytest.approx(float(clopper_pearson(10, 10)[0]))
    assert (summary.bar.passed, summary.bar.total, summary.bar.by_repeat) == (4, 4, (2, 2))


def test_hanley_and_mcneil_give_the_published_width() -> None:
    # Tens of images: half-width of the 95 % interval of AUC 0.90 at 15 + 15 images, ±0.12.
    assert hanley_mcneil(0.9, 15, 15) == pytest.approx(0.12, abs=0.005)


def test_everything_follows_from_the_decisions() -> None:
    answers = random_answers(repeats=3)
    summary = summarise(answers, plan="x", bar="auc>=0.8", targets=("auc>=0.2", "accuracy>=0.99"), resamples=50)
    (tn, fp), (fn, tp) = summary.confusion_matrix
    assert tn + fp + fn + tp == 3 * 40
    assert summary.metrics["sensitivity"].value == pytest.approx(tp / (tp + fn))
    assert summary.metrics["specificity"].value == pytest.approx(tn / (tn + fp))
    assert [result.met for result in summary.targets] == [True, False]
    assert summary.bar.passed == sum(figures.auc >= 0.8 for figures in summary.per_fold)
    found = summary.to_json()
    assert (found["kind"], found["split"], found["n"]) == ("cross-validation", "out-of-fold", 40)
    assert len(found["cross_validation"]["per_fold"]) == 15
    assert "folds at auc>=0.8" in summary.summary()


def test_the_positive_class_may_come_first() -> None:
    answers = random_answers()
    turned = replace(
        answers, labels=1 - answers.labels, probabilities=answers.probabilities[:, :, ::-1].copy(),
        class_names=("tumour", "normal"), positive=0,
    )  # fmt: skip
    assert fold_figures(turned) == fold_figures(answers)
    one, other = (summarise(each, plan="x", bar="auc>=0.8", resamples=30) for each in (answers, turned))
    assert {name: metric.value for name, metric in one.metrics.items()} == pytest.approx(
        {name: metric.value for name, metric in other.metrics.items()}
    )
    assert one.confusion_matrix == other.confusion_matrix


def test_more_classes_have_macro_auc_and_accuracy() -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(60) % 3
    logits = rng.normal(0, 1, (2, 60, 3)) + 2 * np.eye(3)[labels]
    probabilities = np.exp(logits) / np.exp(logits).sum(axis=2, keepdims=True)
    folds = np.tile(np.repeat(np.arange(5), 12), (2, 1))
    ids = [str(number) for number in range(60)]
    answers = FoldAnswers(ids, ids, labels, probabilities, folds, None, ("a", "b", "c"))
    summary = summarise(answers, plan="x", bar="accuracy>=0.5", resamples=50)
    assert set(summary.metrics) == {"auc", "auc_bootstrap", "accuracy", "brier", "log_loss"}
    assert summary.metrics["accuracy"].value == pytest.approx(float((probabilities.argmax(axis=2) == labels).mean()))
    assert 0.5 < summary.metrics["auc"].low < summary.metrics["auc"].value < summary.metrics["auc"].high


def test_p_is_never_zero_and_counts_ties() -> None:
    assert permutation_test(0.9, [0.5, 0.6, 0.7], "").p_value == 1 / 4
    assert permutation_test(0.6, [0.5, 0.6, 0.7], "").p_value == 3 / 4


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 5), st.integers(0, 1)), min_size=2, max_size=30), st.integers(0, 99))
def test_shuffling_keeps_the_structure_of_the_groups(pairs: list[tuple[int, int]], seed: int) -> None:
    groups, labels = [str(group) for group, _ in pairs], np.array([label for _, label in pairs])
    shuffled = shuffle_labels(labels, groups, np.random.default_rng(seed))
    pure = {}
    for group in set(groups):
        inside = np.array(groups) == group
        if len(set(labels[inside])) == 1:
            assert len(set(shuffled[inside])) == 1
            pure[group] = (labels[inside][0], shuffled[inside][0])
        else:
            assert sorted(labels[inside]) == sorted(shuffled[inside])
    assert sorted(before for before, _ in pure.values()) == sorted(after for _, after in pure.values())


def test_what_does_not_match_is_refused() -> None:
    answers = random_answers()
    with pytest.raises(EvaluationError, match="do not match"):
        replace(answers, folds=answers.folds[:1])
    with pytest.raises(EvaluationError, match="two classes need a threshold"):
        replace(answers, thresholds=None)
    with pytest.raises(EvaluationError, match="no metric 'auk'"):
        summarise(answers, plan="x", bar="auc>=0.8", targets=("auk>=0.5",), resamples=20)
