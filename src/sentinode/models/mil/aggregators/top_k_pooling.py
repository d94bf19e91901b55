"""Top-k pooling: every tile has a logit, and the slide's is the mean of the k highest.

Source: the instance classifier of Campanella et al. 2019 (Nature Medicine), whose slide is its highest tile; of several
tiles, Kraus et al. 2016 and Lerousseau et al. 2020.
"""

import torch
from torch import Tensor, nn

from sentinode.models.mil.aggregator_config import AggregatorConfig
from sentinode.models.mil.aggregators.aggregator import Aggregator, Criterion, Pooled, tile_encoder


class TopKPooling(Aggregator):
    """A logit for each tile; the slide's is the mean of the k highest, or of all where there are fewer.

    Training looks at every tile of the bag without a gradient, and then learns from the k that were highest: the same
    gradient at half the cost. Dropout is only applied to these k.
    """

    def __init__(self, dim: int, config: AggregatorConfig, classes: int) -> None:
        super().__init__(dim, config, classes)
        self.k = config.k
        self.encoder = tile_encoder(dim, config)
        self.classifier = nn.Linear(config.hidden, 1)

    def encode(self, features: Tensor) -> Tensor:
        """(…, D) → (…, H)."""
        return self.encoded(features, self.encoder)

    def pool(self, hidden: Tensor, mask: Tensor) -> Pooled:
        """(B, N, H) → the bags' scores."""
        instance = self.classifier(hidden).squeeze(2)  # (B, N)
        attention = self._attention(instance, mask)
        return Pooled((attention * instance).sum(1), attention, instance)

    def loss(self, features: Tensor, mask: Tensor, targets: Tensor, criterion: Criterion) -> Tensor:
        """As of every aggregator, of the highest tiles alone."""
        instance, there = self.highest(features, mask, self.k)
        return criterion(self.levels(mean_of(instance, there)), targets)

    def highest(self, features: Tensor, mask: Tensor, k: int) -> tuple[Tensor, Tensor]:
        """Logits (B, k) of the tiles that were highest without a gradient, these first, and where there is one."""
        with torch.no_grad():
            training = self.training
            instance = self.eval().classifier(self.encode(features)).squeeze(2).masked_fill(~mask, -torch.inf)
            self.train(training)
            chosen = instance.topk(min(k, instance.shape[1])).indices  # (B, k)
        tiles = features.gather(1, chosen[..., None].expand(-1, -1, features.shape[2]))  # (B, k, D)
        return self.classifier(self.encode(tiles)).squeeze(2), mask.gather(1, chosen)

    def _attention(self, instance: Tensor, mask: Tensor) -> Tensor:
        """(B, N): 1 / k for each of the k highest. Equal ones share, so that the tiles' order is of no account."""
        low = instance.masked_fill(~mask, -torch.inf)
        # k more columns, so that there are always k to take, however few tiles there are.
        beyond = torch.full_like(low[:, :1], -torch.inf).expand(-1, self.k)
        highest = torch.cat([low, beyond], dim=1).topk(self.k).values  # (B, k)
        taken = mask.sum(1, keepdim=True).clamp(max=self.k)  # (B, 1)
        last = highest.gather(1, taken - 1)
        above, level = low > last, low == last
        share = (taken - above.sum(1, keepdim=True)) / level.sum(1, keepdim=True)
        return (above + level * share) / taken


def mean_of(instance: Tensor, there: Tensor) -> Tensor:
    """(B, k) logits → (B,), the mean of those that are there."""
    return (instance * there).sum(1) / there.sum(1)
