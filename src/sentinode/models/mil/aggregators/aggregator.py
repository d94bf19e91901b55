"""What every aggregator is: a bag of tiles in; the slide's logits, and the attention to each tile, out."""

import abc
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sentinode.models.mil.aggregator_config import AggregatorConfig

Criterion = Callable[[Tensor, Tensor], Tensor]
"""Logits (B, C) and targets (B,) → their mean loss."""


class Aggregated(NamedTuple):
    """What an aggregator says of B bags of at most N tiles."""

    logits: Tensor
    """(B, C): that the slide is of a class above the first, above the second, and so on; they never rise."""

    attention: Tensor
    """(B, N): share of each tile in the answer, at least 0, 1 in sum; 0 where there is no tile."""

    instance: Tensor | None
    """(B, N): logit of each tile by itself, where the method has one; of no meaning where there is no tile."""


class Pooled(NamedTuple):
    """A bag's one number before the classes are cut out of it, with `attention` and `instance` of `Aggregated`."""

    score: Tensor
    """(B,)."""

    attention: Tensor
    instance: Tensor | None


class Aggregator(nn.Module, abc.ABC):
    """From bags of features to logits. What a method does is in `encode`, tile by tile, and in `pool`.

    One number is computed for a slide, and C = classes − 1 logits are cut out of it: with two classes it is the logit.
    With ordered classes (negative < ITC < micro < macro) its logits are those of a cumulative link model, whose
    thresholds are ordered by construction, so that no class is ever more likely reached than the one below it
    (McCullagh 1980; as in CORAL, Cao et al. 2020, but ordered by construction).
    """

    centre: Tensor
    scale: Tensor

    def __init__(self, dim: int, config: AggregatorConfig, classes: int) -> None:
        """Args: D, the length of a tile's features; method and sizes; how many classes a slide may have."""
        super().__init__()
        self.config = config
        self.dim = dim
        self.classes = classes
        self.register_buffer("centre", torch.zeros(dim))
        self.register_buffer("scale", torch.ones(dim))
        # softplus(0.54) = 1: classes start one logit apart
        self.gaps = nn.Parameter(torch.full((classes - 2,), 0.5413)) if classes > 2 else None
        self.feature_dropout = nn.Dropout(config.feature_dropout)

    def forward(self, features: Tensor, mask: Tensor) -> Aggregated:
        """(B, N, D) float32 features and (B, N) bool, where there is a tile; each bag has one."""
        return self.aggregate(self.encode(features), mask)

    def aggregate(self, hidden: Tensor, mask: Tensor) -> Aggregated:
        """The second half of `forward`: (B, N, H) from `encode`, and the mask."""
        pooled = self.pool(hidden, mask)
        return Aggregated(self.levels(pooled.score), pooled.attention, pooled.instance)

    def whole(self, hidden: Tensor) -> Aggregated:
        """`aggregate` of one bag without a mask: (N, H) from `encode`."""
        return self.aggregate(hidden[None], torch.ones((1, hidden.shape[0]), dtype=torch.bool, device=hidden.device))

    def loss(self, features: Tensor, mask: Tensor, targets: Tensor, criterion: Criterion) -> Tensor:
        """What training minimises: by default `criterion` of the logits. `targets`: (B,) int64 classes."""
        return criterion(self(features, mask).logits, targets)

    def standardised(self, features: Tensor) -> Tensor:
        """Features of mean 0 and deviation 1 over the training tiles; while training, some are left out of all."""
        factor: Tensor = self.feature_dropout(1 / self.scale)
        return (features - self.centre) * factor

    def encoded(self, features: Tensor, layers: nn.Sequential) -> Tensor:
        """What `layers`, of which the first is linear, make of standardised features: (…, D) → (…, H).

        They are standardised in that layer's weights: a pass over all features would take a sixth of an epoch.
        """
        factor: Tensor = self.feature_dropout(1 / self.scale)
        first, *rest = layers
        assert isinstance(first, nn.Linear)
        weight = first.weight * factor
        hidden = functional.linear(features, weight, first.bias - weight @ self.centre)
        for layer in rest:
            hidden = layer(hidden)
        return hidden

    def levels(self, score: Tensor) -> Tensor:
        """(B,) → (B, C) logits."""
        if self.gaps is None:
            return score[:, None]
        above = functional.softplus(self.gaps).cumsum(0)
        return torch.cat([score[:, None], score[:, None] - above], dim=1)

    @abc.abstractmethod
    def encode(self, features: Tensor) -> Tensor:
        """(…, D) → (…, H): what is computed of each tile by itself, so that a large bag can go through in parts."""

    @abc.abstractmethod
    def pool(self, hidden: Tensor, mask: Tensor) -> Pooled:
        """(B, N, H) → the bags' scores."""


def tile_encoder(dim: int, config: AggregatorConfig) -> nn.Sequential:
    """D → H with a ReLU, and dropout while training: the first layer of most methods."""
    return nn.Sequential(nn.Linear(dim, config.hidden), nn.ReLU(), nn.Dropout(config.dropout))


def masked_softmax(values: Tensor, mask: Tensor) -> Tensor:
    """Softmax of (B, N) over the tiles that there are; exactly 0 elsewhere."""
    return values.masked_fill(~mask, -torch.inf).softmax(dim=1)
