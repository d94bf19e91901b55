"""DSMIL: the highest tile, and a mean of all tiles weighted by how alike that one they are.

Source: Li, Li, Eliceiri 2021 (arXiv:2011.08939). Not from it: the tiles' features come from a frozen network at one
magnification.
"""

import torch
from torch import Tensor, nn

from sentinode.models.mil.aggregator_config import AggregatorConfig
from sentinode.models.mil.aggregators.aggregator import Aggregator, Criterion, Pooled, masked_softmax, tile_encoder


class Dsmil(Aggregator):
    """Two streams: the highest tile's logit, and the logit of a mean by distance to that tile. Their mean is the score.

    Training minimises the mean of the two streams' losses, as the authors do.
    """

    def __init__(self, dim: int, config: AggregatorConfig, classes: int) -> None:
        super().__init__(dim, config, classes)
        size = config.attention_size
        self.encoder = tile_encoder(dim, config)
        self.tile_classifier = nn.Linear(config.hidden, 1)
        self.query = nn.Sequential(nn.Linear(config.hidden, size), nn.ReLU(), nn.Linear(size, size), nn.Tanh())
        self.bag_classifier = nn.Linear(config.hidden, 1)

    def encode(self, features: Tensor) -> Tensor:
        """(…, D) → (…, H)."""
        return self.encoded(features, self.encoder)

    def streams(self, hidden: Tensor, mask: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """(B, N, H) → scores of the highest tile and of the mean (B,), attention (B, N), the tiles' logits (B, N)."""
        instance = self.tile_classifier(hidden).squeeze(2)  # (B, N)
        highest, critical = instance.masked_fill(~mask, -torch.inf).max(1)
        # equal tiles have equal hidden features, so it does not matter which of them is taken
        tile = hidden.gather(1, critical[:, None, None].expand(-1, 1, hidden.shape[2]))  # (B, 1, H)
        queries, own = self.query(hidden), self.query(tile)  # (B, N, Q), (B, 1, Q)
        likeness = (queries * own).sum(2) / self.config.attention_size**0.5
        attention = masked_softmax(likeness, mask)
        mean = (attention[:, None] @ hidden).squeeze(1)  # (B, H)
        return highest, self.bag_classifier(mean).squeeze(1), attention, instance

    def pool(self, hidden: Tensor, mask: Tensor) -> Pooled:
        """(B, N, H) → the bags' scores."""
        highest, of_mean, attention, instance = self.streams(hidden, mask)
        return Pooled((highest + of_mean) / 2, attention, instance)

    def loss(self, features: Tensor, mask: Tensor, targets: Tensor, criterion: Criterion) -> Tensor:
        """The mean of both streams' losses."""
        highest, of_mean, _, _ = self.streams(self.encode(features), mask)
        return (criterion(self.levels(highest), targets) + criterion(self.levels(of_mean), targets)) / 2
