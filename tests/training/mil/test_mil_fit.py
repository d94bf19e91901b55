from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

from helpers.planted_bags import planted_bags
from sentinode.core.errors import DataError, TrainingError
from sentinode.models.mil import bag_view
from sentinode.models.mil.aggregator_config import METHODS, Method
from sentinode.models.mil.bag_view import ArrayBag
from sentinode.training.mil.mil_config import MilConfig
from sentinode.training.mil.mil_fit import FittedAggregator, fit_aggregator


def _fit(
    bags: list[ArrayBag], targets: NDArray[np.int64], *, classes: int = 2, seed: int = 0, **config: Any
) -> FittedAggregator:
    return fit_aggregator(
        MilConfig(hidden=32, attention_size=16, **config),
        bags,
        targets,
        [bag.name for bag in bags],
        classes=classes,
        seed=seed,
        threads=1,
    )


def _auc(fitted: FittedAggregator, bags: list[ArrayBag], targets: NDArray[np.int64]) -> float:
    return float(roc_auc_score(targets > 0, [fitted.logits(bag)[0] for bag in bags]))


@pytest.mark.parametrize("method", ["max", "top-k", "abmil", "clam-sb", "dsmil"])
def test_few_positive_tiles_are_found(method: Method) -> None:
    bags, targets, _ = planted_bags(80, seed=1)
    others, truths, planted = planted_bags(60, seed=2)
    fitted = _fit(bags, targets, method=method, k=3)
    assert _auc(fitted, others, truths) > 0.9
    hits = []
    for bag, where in zip(others, planted, strict=True):
        if len(where):
            attention = fitted.look(bag).attention
            hits.append(set(np.argsort(-attention)[:5].tolist()) & set(where.tolist()) != set())
    assert np.mean(hits) > 0.8


def test_mean_pooling_does_not_find_them() -> None:
    bags, targets, _ = planted_bags(80, seed=1)
    others, truths, _ = planted_bags(60, seed=2)
    assert _auc(_fit(bags, targets, method="mean"), others, truths) < 0.75


def test_mean_pooling_finds_what_is_everywhere() -> None:
    bags, targets, _ = planted_bags(60, seed=1, share=0.5)
    others, truths, _ = planted_bags(60, seed=2, share=0.5)
    assert _auc(_fit(bags, targets, method="mean"), others, truths) > 0.95


@pytest.mark.parametrize("method", METHODS)
def test_a_fit_is_a_function_of_its_seed(method: Method) -> None:
    bags, targets, _ = planted_bags(12, seed=1, tiles=20)
    first, again, other = (
        _fit(bags, targets, method=method, epochs=2, instance_dropout=0.2, instances=15, seed=seed)
        for seed in (0, 0, 1)
    )
    torch.manual_seed(9)
    assert first.history == again.history
    assert first.history != other.history
    assert first.logits(bags[0]) == again.logits(bags[0])


def test_a_fit_leaves_torchs_generator_alone() -> None:
    bags, targets, _ = planted_bags(8, seed=1, tiles=20)
    torch.manual_seed(5)
    expected = torch.rand(1)
    torch.manual_seed(5)
    _fit(bags, targets, epochs=1)
    assert torch.rand(1) == expected


@pytest.mark.parametrize("method", METHODS)
def test_a_look_in_parts_is_that_of_the_whole_bag(method: Method, monkeypatch: pytest.MonkeyPatch) -> None:
    bags, targets, _ = planted_bags(8, seed=1, tiles=50)
    fitted = _fit(bags, targets, method=method, epochs=1)
    whole = fitted.look(bags[1])
    monkeypatch.setattr(bag_view, "CHUNK", 7)
    parts = fitted.look(bags[1])
    np.testing.assert_allclose(parts.logits, whole.logits, atol=1e-5)
    np.testing.assert_allclose(parts.attention, whole.attention, atol=1e-5)
    assert whole.attention.shape == (len(bags[1]),)
    assert whole.attention.sum() == pytest.approx(1, abs=1e-5)


def test_early_stopping_keeps_the_best_epoch() -> None:
    bags, targets, _ = planted_bags(40, seed=1, tiles=40)
    fitted = _fit(bags, np.random.default_rng(0).permutation(targets), patience=2, epochs=30)  # nothing to learn
    losses = [epoch.validation for epoch in fitted.history]
    assert fitted.epochs == len(losses) < 30
    assert fitted.best_epoch == int(np.argmin(np.array(losses, float))) + 1
    assert fitted.epochs == fitted.best_epoch + 2
    assert len(fitted.validation) == 8


def test_without_validation_the_last_epoch_is_kept() -> None:
    bags, targets, _ = planted_bags(10, seed=1, tiles=20)
    fitted = _fit(bags, targets, validation=0.0, epochs=3)
    assert (fitted.epochs, fitted.best_epoch, len(fitted.validation)) == (3, 3, 0)
    assert [epoch.validation for epoch in fitted.history] == [None] * 3


def test_ordered_classes() -> None:
    bags, targets, _ = planted_bags(160, seed=1, classes=3, tiles=100)
    others, truths, _ = planted_bags(60, seed=2, classes=3, tiles=100)
    fitted = _fit(bags, targets, classes=3, method="top-k", k=20)
    logits = np.stack([fitted.logits(bag) for bag in others])
    assert logits.shape == (60, 2)
    assert (np.diff(logits, axis=1) < 0).all()
    for level in (0, 1):
        assert roc_auc_score(truths > level, logits[:, level]) > 0.9


def test_rare_positives_are_weighed_up() -> None:
    bags, targets, _ = planted_bags(80, seed=1, tiles=40)
    rare = np.flatnonzero((targets == 0) | (np.arange(80) % 8 == 1))  # 40 without, 10 with
    chosen, labels = [bags[row] for row in rare], targets[rare]
    means = []
    for rule in ("none", "balanced"):
        fitted = _fit(chosen, labels, class_weight=rule, epochs=10, validation=0.0)
        means.append(np.mean([fitted.logits(bag)[0] for bag in chosen]))
    assert means[1] > means[0] + 0.3


def _broken(**changes: Any) -> dict[str, Any]:
    bags, targets, _ = planted_bags(8, seed=1, tiles=20)
    return {"bags": bags, "targets": targets, "patients": [bag.name for bag in bags], **changes}


def _with(bag: ArrayBag) -> list[ArrayBag]:
    return [*planted_bags(8, seed=1, tiles=20)[0][:7], bag]


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"bags": []}, "0 bags, 8 labels and 8 patients"),
        ({"patients": ["a"]}, "8 bags, 8 labels and 1 patient"),
        ({"targets": np.zeros(8, np.int64)}, "slides of the classes 0, where 0 to 1 are known"),
        ({"targets": np.arange(8)}, "slides of the classes 0, 1, 2, 3, 4, 5, 6, 7, where 0 to 1"),
        ({"bags": _with(ArrayBag("void", np.zeros((0, 24), np.float16)))}, "bag void has no tile"),
        (
            {"bags": _with(ArrayBag("wide", np.zeros((3, 25), np.float16)))},
            "bag wide has features of length 25, not",
        ),
        ({"bags": _with(ArrayBag("nan", np.full((3, 24), np.nan)))}, "bag nan has features that are no finite numbers"),
    ],
)
def test_what_nothing_can_be_learned_from_is_refused(changes: dict[str, Any], said: str) -> None:
    with pytest.raises(DataError, match=said):
        fit_aggregator(MilConfig(epochs=1), classes=2, seed=0, threads=1, **_broken(**changes))


def test_a_loss_that_is_not_finite_ends_the_fit() -> None:
    bags, targets, _ = planted_bags(8, seed=1, tiles=20)
    with pytest.raises(TrainingError, match=r"not finite in epoch \d+; lower mil.learning_rate = 1e\+30"):
        _fit(bags, targets, learning_rate=1e30, feature_dropout=0.0)


def test_a_look_refuses_what_was_not_learned_from() -> None:
    bags, targets, _ = planted_bags(8, seed=1, tiles=20)
    fitted = _fit(bags, targets, epochs=1)
    with pytest.raises(DataError, match="bag x has features of length 3, not 24"):
        fitted.look(ArrayBag("x", np.zeros((2, 3), np.float16)))
    with pytest.raises(DataError, match="bag x has no tile"):
        fitted.look(ArrayBag("x", np.zeros((0, 24), np.float16)))
