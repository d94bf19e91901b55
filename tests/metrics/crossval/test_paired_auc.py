"""The paired difference of two cross-validated AUCs: its value, what its interval holds, and what is refused."""

from dataclasses import replace

import numpy as np
import pytest

from sentinode.core.errors import EvaluationError
from sentinode.core.metric import Metric
from sentinode.metrics.crossval.fold_answers import FoldAnswers, repeat_aucs
from sentinode.metrics.crossval.paired_auc import paired_auc
from sentinode.metrics.measures.intervals import Resampling


def _answers(scores: np.ndarray, labels: np.ndarray, folds: np.ndarray, groups: list[str] | None = None) -> FoldAnswers:
    """`scores`: (R, N)."""
    ids = [f"s{number}" for number in range(len(labels))]
    return FoldAnswers(
        ids, [""] * len(ids), labels, np.stack([1 - scores, scores], axis=2), folds,
        np.full((len(scores), int(folds.max()) + 1), 0.5), ("normal", "tumour"), 1, groups,
    )  # fmt: skip


def _drawn(
    seed: int, strength: tuple[float, float], *, repeats: int = 2, n: int = 60
) -> tuple[FoldAnswers, FoldAnswers]:
    """Two models that see the same signal, each with noise of its own."""
    rng = np.random.default_rng(seed)
    labels = np.tile([0, 1], n // 2)
    folds = np.stack([rng.permutation(np.repeat(np.arange(n // 10), 10)) % 3 for _ in range(repeats)])
    shared = rng.normal(size=n)
    models = []
    for signal in strength:
        logits = signal * labels + shared + 0.3 * rng.normal(size=(repeats, n))
        models.append(_answers(1 / (1 + np.exp(-logits)), labels, folds))
    return models[0], models[1]


def _ends(metric: Metric) -> tuple[float, float]:
    assert metric.low is not None
    assert metric.high is not None
    return metric.low, metric.high


def _width(metric: Metric) -> float:
    low, high = _ends(metric)
    return high - low


def _resampling(answers: FoldAnswers) -> Resampling:
    return Resampling(answers.labels, answers.mean().group_codes, 200)


def test_the_value_is_the_difference_of_the_headline_aucs() -> None:
    a, b = _drawn(0, (0.5, 1.5))
    metric = paired_auc(a, b, _resampling(a))
    assert metric.value == pytest.approx(repeat_aucs(b).mean() - repeat_aucs(a).mean())
    assert _ends(metric)[0] < metric.value < _ends(metric)[1]


def test_pairing_sees_what_two_separate_intervals_would_not() -> None:
    a, b = _drawn(1, (1.0, 2.0))
    metric = paired_auc(a, b, _resampling(a))
    assert _ends(metric)[0] > 0


def test_equal_models_hold_zero_in_most_draws() -> None:
    held = 0
    for seed in range(40):
        a, b = _drawn(seed, (1.0, 1.0))
        metric = paired_auc(a, b, _resampling(a))
        low, high = _ends(metric)
        held += low <= 0 <= high
    assert held >= 36


def test_repeats_that_disagree_widen_the_interval() -> None:
    a, b = _drawn(2, (1.0, 1.0))
    alike = paired_auc(a, b, _resampling(a))
    flipped = np.array(b.probabilities)
    flipped[1] = flipped[1][:, ::-1]
    apart = paired_auc(a, replace(b, probabilities=flipped), _resampling(a))
    assert _width(apart) > 2 * _width(alike)


def test_groups_that_move_together_widen_it_too() -> None:
    a, b = _drawn(3, (0.0, 1.0), repeats=1)
    rng = np.random.default_rng(0)
    owners = np.arange(60) // 10
    shift = rng.normal(size=6)[owners] * 4
    logits = np.log(b.probabilities[..., 1] / b.probabilities[..., 0]) + shift * (2 * b.labels - 1)
    scores = 1 / (1 + np.exp(-logits))
    moved = replace(b, probabilities=np.stack([1 - scores, scores], axis=2))
    groups = [f"p{owner}" for owner in owners]
    alone = paired_auc(a, moved, _resampling(a))
    grouped = [replace(one, groups=groups) for one in (a, moved)]
    together = paired_auc(grouped[0], grouped[1], _resampling(grouped[0]))
    assert "6 groups" in together.method
    assert _width(together) > _width(alone)


def test_other_folds_can_not_be_paired() -> None:
    a, b = _drawn(4, (1.0, 1.0))
    with pytest.raises(EvaluationError, match="other samples or folds"):
        paired_auc(a, replace(b, folds=(b.folds + 1) % 3), _resampling(a))
