"""What training minimises: a table of losses, and class weights from the training labels.

To add one is an entry in `LOSSES`; another package declares a callable like its builders as an entry point of the group
`sentinode.losses`.
"""

from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from sentinode.core.errors import PluginError, RecipeError
from sentinode.core.plugins import find_plugin, plugins
from sentinode.models.model_config import Head
from sentinode.training.training_config import TrainingConfig

_KIND = "loss"


def build_loss(config: TrainingConfig, head: Head, weights: Tensor | None) -> nn.Module:
    """The loss that `config` names: logits (N, outputs) and labels (N,) → a mean.

    Args:
        config: Names the loss and its arguments.
        head: `softmax`: a logit a class; `logit`: one for two classes, whose loss takes it for (0, z).
        weights: (classes,) of the classes, or None; see `class_weights`.

    One of another package is a callable of the same arguments that gives a module.

    Raises:
        RecipeError: There is no such loss, or an argument that it does not take.
        PluginError: Another package brings the loss, and it can't be loaded or builds something else.
    """
    if config.loss in LOSSES:
        return LOSSES[config.loss](config, head, weights)
    if plugin := find_plugin(_KIND, config.loss):
        loss = plugin.load()(config, head, weights)
        if not isinstance(loss, nn.Module):
            raise PluginError(
                f"loss {plugin.name!r} of {plugin.origin} builds a {type(loss).__name__}, not a torch module; mend or "
                "uninstall that package"
            )
        return loss
    names = ", ".join([*LOSSES, *(plugin.name for plugin in plugins(_KIND))])
    raise RecipeError(f"training.loss = {config.loss!r}: there is no such loss; choose one of {names}")


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


class FocalLoss(nn.Module):
    """Cross-entropy in which an image counts the less, the surer the network is of its class: (1 − p)^γ of it.

    Lin et al. 2017, "Focal loss for dense object detection" (arXiv:1708.02002), with γ = 2 as there; its α is the
    class weights. With γ = 0 it is `SoftmaxLoss`.
    """

    weights: Tensor | None

    def __init__(self, weights: Tensor | None, gamma: float) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)
        self._gamma = gamma

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of (N, classes) logits, or (N, 1) of one logit, and (N,) labels."""
        logs = _log_probability(logits, labels)
        return _mean(-((1 - logs.exp()) ** self._gamma) * logs, labels, self.weights)


class GeneralisedCrossEntropy(nn.Module):
    """(1 − p^q) / q of the probability p of an image's class: between cross-entropy (q → 0) and the error (q = 1).

    Its gradient is bounded, so that labels that are wrong pull less: for annotations with noise. Zhang and Sabuncu
    2018 (arXiv:1805.07836), with q = 0.7 as there.
    """

    weights: Tensor | None

    def __init__(self, weights: Tensor | None, q: float) -> None:
        super().__init__()
        self.register_buffer("weights", weights, persistent=False)
        self._q = q

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        """Mean loss of (N, classes) logits, or (N, 1) of one logit, and (N,) labels."""
        logs = _log_probability(logits, labels)
        return _mean(-torch.expm1(self._q * logs) / self._q, labels, self.weights)


def _cross_entropy(config: TrainingConfig, head: Head, weights: Tensor | None) -> nn.Module:
    _arguments(config, {})
    return (SoftmaxLoss if head == "softmax" else LogitLoss)(weights, config.label_smoothing)


def _focal(config: TrainingConfig, _head: Head, weights: Tensor | None) -> nn.Module:
    return FocalLoss(weights, **_unsmoothed(config, {"gamma": (2.0, 0.0, 10.0)}))


def _generalised(config: TrainingConfig, _head: Head, weights: Tensor | None) -> nn.Module:
    return GeneralisedCrossEntropy(weights, **_unsmoothed(config, {"q": (0.7, 0.01, 1.0)}))


LOSSES: Mapping[str, Callable[[TrainingConfig, Head, Tensor | None], nn.Module]] = {
    "cross-entropy": _cross_entropy,
    "focal": _focal,
    "generalised-cross-entropy": _generalised,
}
"""Name in a recipe → what builds it."""


def _unsmoothed(config: TrainingConfig, known: Mapping[str, tuple[float, float, float]]) -> dict[str, float]:
    if config.label_smoothing:
        raise RecipeError(
            f"training.label_smoothing = {config.label_smoothing} belongs to cross-entropy, and training.loss is "
            f"{config.loss!r}; set it to 0"
        )
    return _arguments(config, known)


def _arguments(config: TrainingConfig, known: Mapping[str, tuple[float, float, float]]) -> dict[str, float]:
    """The loss's numbers: name → what the recipe says, else the first of (default, least, most)."""
    given: dict[str, Any] = config.loss_arguments
    if strange := sorted(set(given) - set(known)):
        takes = ", ".join(known) or "none"
        raise RecipeError(
            f"training.loss_arguments has {strange[0]!r}, which {config.loss} does not take (it "
            f"takes {takes}); remove it"
        )
    values = {name: given.get(name, default) for name, (default, _, _) in known.items()}
    for name, (_, least, most) in known.items():
        if isinstance(values[name], bool) or not isinstance(values[name], int | float):
            raise RecipeError(f"training.loss_arguments.{name} = {values[name]!r} is not a number")
        if not least <= values[name] <= most:
            raise RecipeError(f"training.loss_arguments.{name} = {values[name]}: give a number from {least} to {most}")
    return values


def _log_probability(logits: Tensor, labels: Tensor) -> Tensor:
    """(N,) logarithm of the probability of each image's class; one logit z stands for (0, z)."""
    if logits.shape[1] == 1:
        logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
    return functional.log_softmax(logits, dim=1).gather(1, labels[:, None])[:, 0]


def _mean(losses: Tensor, labels: Tensor, weights: Tensor | None) -> Tensor:
    """The mean, weighted by class as torch's cross-entropy does."""
    if weights is None:
        return losses.mean()
    each = weights[labels]
    return (losses * each).sum() / each.sum()
