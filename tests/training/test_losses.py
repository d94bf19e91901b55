import numpy as np
import pytest
import torch
from sklearn.utils.class_weight import compute_class_weight
from torch.nn import functional

from sentinode.core.errors import RecipeError
from sentinode.training.losses import LogitLoss, SoftmaxLoss, class_weights

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
