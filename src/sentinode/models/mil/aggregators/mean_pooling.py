"""Mean pooling: a small network on the mean of a slide's features.

Source: SiMLP, Li et al. 2025 (arXiv:2502.20823). The mean is taken before the network, so it costs nothing to
train, and one tile of thousands hardly moves it.
"""

from torch import Tensor, nn

from sentinode.models.mil.aggregator_config import AggregatorConfig
from sentinode.models.mil.aggregators.aggregator import Aggregator, Pooled, tile_encoder


class MeanPooling(Aggregator):
    """The mean of the features, one hidden layer, a logit. Every tile has the same attention."""

    def __init__(self, dim: int, config: AggregatorConfig, classes: int) -> None:
        super().__init__(dim, config, classes)
        self.encoder = tile_encoder(dim, config)
        self.classifier = nn.Linear(config.hidden, 1)

    def encode(self, features: Tensor) -> Tensor:
        """(…, D) → (…, D), standardised."""
        return self.standardised(features)

    def pool(self, hidden: Tensor, mask: Tensor) -> Pooled:
        """(B, N, D) → the bags' scores."""
        attention = mask / mask.sum(1, keepdim=True)  # (B, N)
        mean = (attention[:, None] @ hidden).squeeze(1)  # (B, D)
        return Pooled(self.classifier(self.encoder(mean)).squeeze(1), attention, None)
