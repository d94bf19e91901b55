"""Optimisers and learning-rate schedules, by the names that a recipe gives them."""

from typing import Any

import torch
from torch import nn
from torch.optim import Optimizer, lr_scheduler

from sentinode.training.training_config import TrainingConfig

_NEARLY_NOTHING = 1e-3  # part of the learning rate at which a warm-up starts


def build_optimizer(network: nn.Module, head: str, config: TrainingConfig) -> Optimizer:
    """An optimiser over the trainable parameters.

    Args:
        network: What is fitted; parameters that don't require a gradient are left out.
        head: Name of the head's module, whose parameters learn `head_learning_rate_factor` times faster.
        config: The recipe's `[training]`.
    """
    named = [(name, parameter) for name, parameter in network.named_parameters() if parameter.requires_grad]
    rate = config.learning_rate
    groups = [
        {"params": [p for name, p in named if not name.startswith(f"{head}.")], "lr": rate},
        {
            "params": [p for name, p in named if name.startswith(f"{head}.")],
            "lr": rate * config.head_learning_rate_factor,
        },
    ]
    groups = [group for group in groups if group["params"]]
    if config.optimizer == "adam":
        return torch.optim.Adam(groups, lr=rate, weight_decay=config.weight_decay)
    if config.optimizer == "adamw":
        return torch.optim.AdamW(groups, lr=rate, weight_decay=config.weight_decay)
    return torch.optim.SGD(groups, lr=rate, weight_decay=config.weight_decay, momentum=config.momentum)


def build_schedule(optimizer: Optimizer, config: TrainingConfig, steps_per_epoch: int) -> Any:
    """The schedule that moves with every step, or None where there is none (see `build_plateau`)."""
    warmup = round(config.warmup_epochs * steps_per_epoch)
    total = config.epochs * steps_per_epoch
    if config.schedule == "one-cycle":
        peaks = [group["lr"] for group in optimizer.param_groups]
        rise = warmup / total if warmup > 1 else 0.0  # OneCycleLR divides by the steps of the rise less one
        return lr_scheduler.OneCycleLR(
            optimizer, peaks, total_steps=total, pct_start=rise, cycle_momentum=config.optimizer == "sgd"
        )
    return _after_warmup(optimizer, config, warmup, total)


def build_plateau(optimizer: Optimizer, config: TrainingConfig) -> lr_scheduler.ReduceLROnPlateau | None:
    """The schedule that moves once an epoch by the validation metric, or None for every other."""
    if config.schedule != "plateau":
        return None
    return lr_scheduler.ReduceLROnPlateau(
        optimizer,
        mode="min" if config.monitor == "loss" else "max",
        factor=config.plateau_factor,
        patience=config.plateau_patience,
        min_lr=config.minimum_learning_rate,
    )


def _after_warmup(optimizer: Optimizer, config: TrainingConfig, warmup: int, total: int) -> Any:
    main: Any = None
    if config.schedule == "cosine":
        main = lr_scheduler.CosineAnnealingLR(optimizer, max(1, total - warmup), eta_min=config.minimum_learning_rate)
    if not warmup:
        return main
    rise = lr_scheduler.LinearLR(optimizer, start_factor=_NEARLY_NOTHING, total_iters=warmup)
    if main is None:
        return rise
    return lr_scheduler.SequentialLR(optimizer, [rise, main], milestones=[warmup])
