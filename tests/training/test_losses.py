import re
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from sentinode.core.errors import PluginError, RecipeError
from sentinode.training import losses
from sentinode.training.losses import (
    LOSSES,
    FocalLoss,
    GeneralisedCrossEntropy,
    LogitLoss,
    SoftmaxLoss,
    build_loss,
    class_weights,
)
from sentinode.training.training_config import TrainingConfig

LABELS = np.array([0] * 6 + [1] * 3 + [2], dtype=np.int64)


def test_balanced_weights_are_scikit_learns() -> None:
    weights = class_weights("balanced", LABELS, 3)
    assert weights is not None
    assert weights.numpy() == pytest.approx(compute_class_weight("balanced", classes=np.arange(3), y=LABELS))


def test_the_kaggle_sets_weights_are_in_the_ratio_of_its_counts() -> None:
    labels = np.repeat(np.array([0, 1]), [130_908, 89_117])
    weights = class_weights("balanced", labels, 2)
    assert weights is not None
    assert (weights[1] / weights[0]).item() == pytest.approx(1.469, abs=5e-4)


@pytest.mark.parametrize("rule", [[1.0], [1.0, 0.0, 2.0], [1.0, 2.0]])
def test_a_wrong_list_of_weights_is_refused_with_its_value(rule: list[float]) -> None:
    with pytest.raises(RecipeError, match=r"training.class_weight = \[1.0.*give 3 positive numbers"):
        class_weights(rule, LABELS, 3)


@pytest.mark.parametrize("smoothing", [0.0, 0.2])
def test_one_logit_is_the_softmax_of_two(smoothing: float) -> None:
    logits, labels = torch.tensor([[1.5], [-0.3], [0.2]]), torch.tensor([1, 0, 0])
    both = torch.cat([torch.zeros_like(logits), logits], dim=1)
    expected = SoftmaxLoss(None, smoothing)(both, labels)
    assert LogitLoss(None, smoothing)(logits, labels).item() == pytest.approx(expected.item(), rel=1e-6)


def test_pos_weight_is_torchs() -> None:
    logits, labels = torch.tensor([[1.5], [-0.3]]), torch.tensor([1, 0])
    weights = torch.tensor([0.5, 2.0])
    expected = functional.binary_cross_entropy_with_logits(logits[:, 0], labels.float(), pos_weight=torch.tensor(4.0))
    assert LogitLoss(weights, 0)(logits, labels).item() == pytest.approx(expected.item())


LOGITS, TRUTH = torch.tensor([[1.5, -0.3, 0.2], [0.1, 0.4, -1.0], [2.0, 2.0, 0.0]]), torch.tensor([0, 2, 1])
WEIGHTS = torch.tensor([0.5, 2.0, 1.0])


@pytest.mark.parametrize("weights", [None, WEIGHTS])
def test_focal_loss_without_focus_is_cross_entropy(weights: torch.Tensor | None) -> None:
    expected = functional.cross_entropy(LOGITS, TRUTH, weight=weights)
    assert FocalLoss(weights, 0.0)(LOGITS, TRUTH).item() == pytest.approx(expected.item(), rel=1e-6)


def test_focal_loss_is_that_of_the_paper() -> None:
    probability = 0.9  # of the right class: with γ = 2 the loss is a hundredth of cross-entropy
    logits = torch.tensor([[float(np.log(probability / (1 - probability)))]])
    loss = FocalLoss(None, 2.0)(logits, torch.tensor([1])).item()
    assert loss == pytest.approx(-(0.1**2) * np.log(0.9), rel=1e-5)


def test_generalised_cross_entropy_lies_between_cross_entropy_and_the_error() -> None:
    chances = functional.softmax(LOGITS, dim=1)[range(3), TRUTH]
    assert GeneralisedCrossEntropy(None, 1.0)(LOGITS, TRUTH).item() == pytest.approx((1 - chances).mean().item())
    nearly = GeneralisedCrossEntropy(None, 1e-4)(LOGITS, TRUTH).item()
    assert nearly == pytest.approx(functional.cross_entropy(LOGITS, TRUTH).item(), rel=1e-3)


@pytest.mark.parametrize("name", LOSSES)
def test_every_loss_takes_one_logit_for_two_classes(name: str) -> None:
    config, labels = TrainingConfig(loss=name), torch.tensor([1, 0])
    logit = torch.tensor([[1.5], [-0.3]], requires_grad=True)
    one = build_loss(config, "logit", None)(logit, labels)
    both = build_loss(config, "softmax", None)(torch.cat([torch.zeros_like(logit), logit], dim=1), labels)
    assert one.item() == pytest.approx(both.item(), rel=1e-6)
    one.backward()
    assert logit.grad is not None
    assert logit.grad.isfinite().all()


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"loss": "focall"}, "training.loss = 'focall': there is no such loss; choose one of cross-entropy, focal"),
        ({"loss": "focal", "loss_arguments": {"q": 1}}, "has 'q', which focal does not take"),
        ({"loss_arguments": {"gamma": 1}}, "has 'gamma', which cross-entropy does not take"),
        ({"loss": "focal", "loss_arguments": {"gamma": -1}}, "gamma = -1: give a number from 0.0"),
        ({"loss": "focal", "loss_arguments": {"gamma": "high"}}, "gamma = 'high' is not a number"),
        ({"loss": "focal", "label_smoothing": 0.1}, "training.label_smoothing = 0.1 belongs to cross-entropy"),
    ],
)
def test_a_loss_that_can_t_be_is_refused_with_its_value(values: dict[str, Any], message: str) -> None:
    with pytest.raises(RecipeError, match=re.escape(message)):
        build_loss(TrainingConfig(**values), "softmax", None)


def declare(monkeypatch: pytest.MonkeyPatch, part: object) -> None:
    plugin = SimpleNamespace(name="mine", origin="theirs 1.0", load=lambda: part)
    monkeypatch.setattr(losses, "find_plugin", lambda _kind, name: plugin if name == "mine" else None)


def test_a_loss_of_another_package_is_built(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, lambda config, head, weights: SoftmaxLoss(weights, config.label_smoothing))
    assert isinstance(build_loss(TrainingConfig(loss="mine"), "softmax", None), SoftmaxLoss)


def test_a_loss_of_another_package_that_is_none_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    declare(monkeypatch, lambda *_: 3)
    with pytest.raises(PluginError, match=r"a int.*torch module"):
        build_loss(TrainingConfig(loss="mine"), "softmax", None)
