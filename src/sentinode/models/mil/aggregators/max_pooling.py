"""Max pooling: every tile has a logit, and the slide's is the highest.

Source: Campanella et al. 2019 (Nature Medicine). Not from it: what training asks beside it.
"""

from torch import Tensor

from sentinode.models.mil.aggregator_config import AggregatorConfig
from sentinode.models.mil.aggregators.aggregator import Criterion
from sentinode.models.mil.aggregators.top_k_pooling import TopKPooling, mean_of

_TAUGHT = 10


class MaxPooling(TopKPooling):
    """Top-k pooling of one tile.

    Half of what training minimises is the loss of the ten highest tiles' mean: one tile a slide alone, drawn by chance
    at first, often teaches nothing (of drawn slides with a few planted tiles, one fit in four never began).
    """

    def __init__(self, dim: int, config: AggregatorConfig, classes: int) -> None:
        super().__init__(dim, config, classes)
        self.k = 1

    def loss(self, features: Tensor, mask: Tensor, targets: Tensor, criterion: Criterion) -> Tensor:
        """The mean of the highest tile's loss and of that of the ten highest."""
        instance, there = self.highest(features, mask, _TAUGHT)
        of_one = criterion(self.levels(instance[:, 0]), targets)
        return (of_one + criterion(self.levels(mean_of(instance, there)), targets)) / 2
