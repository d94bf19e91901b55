"""TransMIL: tiles attend to one another, in two layers, and a class token to all.

Source: Shao et al. 2021 (arXiv:2106.00908). Not from it: sizes (512, eight heads there), and the convolution over the
values that its code has and its text has not. Attention is Nyström's however few tiles there are. Tiles are laid into a
square in their order, which stands for their neighbourhood: the answer depends on it.
"""

import torch
from torch import Tensor, nn

from sentinode.models.mil.aggregator_config import AggregatorConfig
from sentinode.models.mil.aggregators.aggregator import Aggregated, Aggregator, Pooled
from sentinode.models.mil.aggregators.nystrom_attention import NystromAttention
from sentinode.models.mil.square import square

_HEADS = 4
_KERNELS = (7, 5, 3)
_LEAST = 1e-12  # of attention in sum: where all of it is negative, there is none


class TransMil(Aggregator):
    """Two Nyström layers with a position encoding by convolution between them; the class token's logit is the slide's.

    Attention is what the class token attends to in the last layer, negative values (of which Nyström's approximation
    has some) taken as 0. A tile has no logit of its own.
    """

    def __init__(self, dim: int, config: AggregatorConfig, classes: int) -> None:
        super().__init__(dim, config, classes)
        size = config.hidden
        self.encoder = nn.Sequential(nn.Linear(dim, size), nn.ReLU())
        self.class_token = nn.Parameter(torch.randn(1, size))
        self.first, self.last = (_Layer(size, config.dropout) for _ in range(2))
        self.position = _PositionEncoding(size)
        self.norm = nn.LayerNorm(size)
        self.classifier = nn.Linear(size, 1)

    def encode(self, features: Tensor) -> Tensor:
        """(…, D) → (…, H)."""
        return self.encoded(features, self.encoder)

    def pool(self, hidden: Tensor, mask: Tensor) -> Pooled:
        """(B, N, H) → the bags' scores, one bag at a time: each has a square of its own."""
        scores, attention = [], hidden.new_zeros(mask.shape)
        for bag in range(len(hidden)):
            tiles = hidden[bag][mask[bag]]
            score, attention[bag, mask[bag]] = self._of_bag(tiles, torch.from_numpy(square(len(tiles))))
            scores.append(score)
        return Pooled(torch.stack(scores), attention, None)

    def whole(self, hidden: Tensor) -> Aggregated:
        """As of every aggregator, without a mask."""
        return self.laid_out(hidden, torch.from_numpy(square(len(hidden))))

    def laid_out(self, hidden: Tensor, places: Tensor) -> Aggregated:
        """`whole` with the tiles (N, H) laid out as `square` says, which a graph can't compute."""
        score, attention = self._of_bag(hidden, places)
        return Aggregated(self.levels(score[None]), attention[None], None)

    def _of_bag(self, hidden: Tensor, places: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H) and (side, side) → score () and attention (N,)."""
        laid = places.flatten()
        tokens, _ = self.first(torch.cat([self.class_token, hidden[laid]]))
        tokens = torch.cat([tokens[:1], self.position(tokens[1:], places.shape[0])])
        tokens, looks = self.last(tokens)
        looks = hidden.new_zeros(hidden.shape[0]).scatter_add(0, laid, looks[1:].clamp(min=0))
        score: Tensor = self.classifier(self.norm(tokens[:1]))[0, 0]
        return score, looks / looks.sum().clamp(min=_LEAST)


class _Layer(nn.Module):
    """Attention with a norm before it and what went in added to it."""

    def __init__(self, size: int, dropout: float) -> None:
        super().__init__()
        self.norm = nn.LayerNorm(size)
        self.attention = NystromAttention(size, _HEADS, size // 2)
        self.out = nn.Sequential(nn.Linear(size, size), nn.Dropout(dropout))

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(T, H) → the same, and what the first token attends to (T,)."""
        mixed, looks = self.attention(self.norm(tokens))
        return tokens + self.out(mixed), looks


class _PositionEncoding(nn.Module):
    """The pyramid position encoding generator: convolutions of three sizes over the square, added to it."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self.convolutions = nn.ModuleList(nn.Conv2d(size, size, k, padding=k // 2, groups=size) for k in _KERNELS)

    def forward(self, tokens: Tensor, side: int) -> Tensor:
        """(side², H) → the same."""
        laid = tokens.T.reshape(1, -1, side, side)
        summed = laid
        for convolution in self.convolutions:
            summed = summed + convolution(laid)
        return summed[0].flatten(1).T
