"""CLAM-SB: ABMIL, whose tiles of most and of least attention also learn to be told apart.

Source: Lu et al. 2021 (Nature Biomedical Engineering, arXiv:2004.09666), with one attention branch.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sentinode.models.mil.aggregator_config import AggregatorConfig
from sentinode.models.mil.aggregators.aggregator import Criterion, Pooled
from sentinode.models.mil.aggregators.gated_attention import GatedAttention

_CLUSTER = 8  # tiles of most and of least attention that get a pseudo-label; the authors' setting, as the share
_BAG_SHARE = 0.7  # of the slides' loss; the rest is the tiles'


class ClamSb(GatedAttention):
    """ABMIL with instance-level clustering by the smooth top-1 SVM loss (Berrada et al. 2018; α = τ = 1).

    The classes are taken as exclusive: the classifier of the slide's own class learns its tiles of most attention as
    positive and those of least as negative, that of the other class learns the former as negative. With ordered classes
    the two are the first and all others. A tile's logit is the margin of the classifier of the positive slides.
    """

    def __init__(self, dim: int, config: AggregatorConfig, classes: int) -> None:
        super().__init__(dim, config, classes)
        self.tile_classifiers = nn.ModuleList(nn.Linear(config.hidden, 2) for _ in range(2))

    def pool(self, hidden: Tensor, mask: Tensor) -> Pooled:
        """(B, N, H) → the bags' scores."""
        pooled = super().pool(hidden, mask)
        return pooled._replace(instance=self._margins(1, hidden))

    def loss(self, features: Tensor, mask: Tensor, targets: Tensor, criterion: Criterion) -> Tensor:
        """The slides' loss and the tiles', in the authors' shares."""
        hidden = self.encode(features)
        pooled = self.pool(hidden, mask)
        of_tiles = self.cluster_loss(hidden, pooled.attention, mask, targets > 0).mean()
        return _BAG_SHARE * criterion(self.levels(pooled.score), targets) + (1 - _BAG_SHARE) * of_tiles

    def cluster_loss(self, hidden: Tensor, attention: Tensor, mask: Tensor, positive: Tensor) -> Tensor:
        """(B,): how far each bag's tiles of most and of least attention are from their pseudo-labels."""
        losses = []
        for bag in range(len(hidden)):
            tiles, weights = hidden[bag][mask[bag]], attention[bag][mask[bag]]
            k = min(_CLUSTER, len(tiles))
            most, least = tiles[weights.topk(k).indices], tiles[(-weights).topk(k).indices]
            own = int(positive[bag])
            # 2 classes: log(Σ exp) of the smooth SVM is softplus(1 − margin) of the true one
            inside = torch.cat([self._margins(own, most), -self._margins(own, least)])
            outside = -self._margins(1 - own, most)
            losses.append(functional.softplus(1 - inside).mean() + functional.softplus(1 - outside).mean())
        return torch.stack(losses)

    def _margins(self, which: int, hidden: Tensor) -> Tensor:
        """(…, H) → (…): by how much one of the two classifiers calls a tile one of its class."""
        two: Tensor = self.tile_classifiers[which](hidden)
        return two[..., 1] - two[..., 0]
