"""The loss of either head, and class weights from the training labels."""

from typing import Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sentinode.core.errors import RecipeError


def class_weights(
    rule: Literal["none", "balanced"] | list[float], labels: NDArray[np.int64], classes: int
) -> Tensor | None:
    """Weights of the classes in the loss: (classes,) float32, or None.

    Args:
        rule: As `TrainingConfig.class_weight`; `balanced` is n / (classes × n of the class), as in scikit-learn.
        labels: (n,) labels of the training split, and of nothing else.
        classes: How many classes there are.

    Raises:
        RecipeError: An explicit list has not one positive number a class.
    """
    if rule == "none":
        return None
    if rule == "balanced":
        counts = np.bincount(labels, minlength=classes)
        return torch.tensor(len(labels) / (classes * counts), dtype=torch.float32)
    if len(rule) != classes or min(rule) <= 0:
        raise RecipeError(f"training.class_weight = {rule}: give {classes} positive numbers, one a class")
    return torch.tensor(rule, dtype=torch.float32)


class SoftmaxLoss(nn.Module):
    """Cross-entropy over classes, weighted by class."""

    weights: Tensor | None

    def __init__(self, weights: Tensor | None, label_smoothing: float) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)
        self._label_smoothing = label_smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of (N, classes) logits and (N,) labels."""
        return functional.cross_entropy(logits, labels, weight=self.weights, label_smoothing=self._label_smoothing)


class LogitLoss(nn.Module):
    """Binary cross-entropy of one logit, with `pos_weight` = weight of the positive class over that of the other."""

    pos_weight: Tensor | None

    def __init__(self, weights: Tensor | None, label_smoothing: float) -> None:
        super().__init__()
        self.register_buffer("pos_weight", None if weights is None else weights[1] / weights[0], persistent=False)
        self._label_smoothing = label_smoothing

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of (N, 1) logits and (N,) labels, 1 for the positive class."""
        targets = labels.to(logits.dtype) * (1 - self._label_smoothing) + self._label_smoothing / 2
        return functional.binary_cross_entropy_with_logits(logits[:, 0], targets, pos_weight=self.pos_weight)
