"""ABMIL: a mean of the tiles whose weights are learned.

Source: Ilse, Tomczak, Welling 2018 (arXiv:1802.04712), with gated attention (its equation 9). The layers that attention
is computed from have biases, as in CLAM; the last has none, which a softmax would take out.
"""

from torch import Tensor, nn

from sentinode.models.mil.aggregator_config import AggregatorConfig
from sentinode.models.mil.aggregators.aggregator import Aggregator, Pooled, masked_softmax, tile_encoder


class GatedAttention(Aggregator):
    """Gated attention-based pooling.

    The classifier is linear, so the slide's score is the mean of the tiles' own logits, weighted by attention: a tile's
    logit is what the classifier says of it alone (as in additive MIL, Javed et al. 2022).
    """

    def __init__(self, dim: int, config: AggregatorConfig, classes: int) -> None:
        super().__init__(dim, config, classes)
        self.encoder = tile_encoder(dim, config)
        self.tanh = nn.Sequential(nn.Linear(config.hidden, config.attention_size), nn.Tanh())
        self.gate = nn.Sequential(nn.Linear(config.hidden, config.attention_size), nn.Sigmoid())
        self.weight = nn.Linear(config.attention_size, 1, bias=False)
        self.classifier = nn.Linear(config.hidden, 1)

    def encode(self, features: Tensor) -> Tensor:
        """(…, D) → (…, H)."""
        return self.encoded(features, self.encoder)

    def attend(self, hidden: Tensor, mask: Tensor) -> Tensor:
        """(B, N, H) → attention (B, N)."""
        return masked_softmax(self.weight(self.tanh(hidden) * self.gate(hidden)).squeeze(2), mask)

    def pool(self, hidden: Tensor, mask: Tensor) -> Pooled:
        """(B, N, H) → the bags' scores."""
        attention = self.attend(hidden, mask)
        instance = self.classifier(hidden).squeeze(2)  # (B, N)
        return Pooled((attention * instance).sum(1), attention, instance)
