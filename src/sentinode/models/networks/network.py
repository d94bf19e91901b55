"""What every network is here: a module that gives logits and the embedding that they were made from."""

import abc
import math
from collections.abc import Mapping

import torch
from torch import Tensor, nn

from sentinode.core.errors import RecipeError
from sentinode.models.model_config import Pooling
from sentinode.models.networks.heads import ClassicalHead


class Network(nn.Module, abc.ABC):
    """A backbone with a linear head, or with a classical one in its place.

    Its parameters have the names that the architecture's library gave them.
    """

    embedding_size: int
    """D, the length of an embedding."""

    head_name: str
    """The module of the head, as a dotted name; every other parameter belongs to the backbone."""

    sees_context: bool = False
    """Whether it takes six channels: those of a tile, and of what lies around it."""

    learned_pooling: str = ""
    """The module of a pooling that learns, as a dotted name; empty where there is none. Public weights have none."""

    origin: str = ""
    """Where its first weights were found, in words; empty where they are random. Set by `weights.load_weights`."""

    frozen_norms: tuple[str, ...] = ()
    """Batch-norm layers whose running statistics stay as they are; set by `network_stages.freeze`."""

    @property
    def fresh(self) -> tuple[str, ...]:
        """The modules that no public weights have, and that therefore learn first."""
        return tuple(name for name in (self.head_name, self.learned_pooling) if name)

    @property
    def classical_head(self) -> ClassicalHead | None:
        """The classical classifier that stands in place of the linear head, if one does; it is asked by `judge`."""
        head = self.get_submodule(self.head_name)
        return head if isinstance(head, ClassicalHead) else None

    @abc.abstractmethod
    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, S, S) float, normalised → logits (N, outputs) and embedding (N, D)."""

    def train(self, mode: bool = True) -> "Network":
        """As in torch, but frozen batch norms stay in evaluation mode."""
        super().train(mode)
        for name in self.frozen_norms:
            self.get_submodule(name).eval()
        return self


class PooledNetwork(Network):
    """`features`, a convolutional backbone; pooling over some of its maps; dropout; `classifier`, a linear head."""

    head_name = "classifier"

    def __init__(
        self,
        features: nn.Sequential,
        channels: Mapping[int, int],
        outputs: int,
        *,
        pooling: tuple[Pooling, ...],
        dropout: float,
    ) -> None:
        """Args: `channels` has the places in `features` whose maps are pooled, in order, and the channels of each."""
        super().__init__()
        if "token" in pooling:
            raise RecipeError(f"model.pooling = {list(pooling)}: only vision transformers have a class token")
        self.features = features
        self.pooling = pooling
        self.taps = tuple(channels)
        self.embedding_size = sum(channels.values()) * len(pooling)
        if "attention" in pooling:
            self.attention = nn.ModuleDict({str(place): GatedAttention(size) for place, size in channels.items()})
            self.learned_pooling = "attention"
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(self.embedding_size, outputs)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, S, S) float, normalised → logits (N, outputs) and embedding (N, D)."""
        maps, pooled = images, []
        for place in range(self.taps[-1] + 1):
            maps = self.features[place](maps)
            if place in self.taps:
                attention = self.attention[str(place)] if self.learned_pooling else None
                pooled.append(pool(maps, self.pooling, attention))  # (N, C, h, w) → (N, C · kinds)
        embedding = torch.cat(pooled, dim=1) if len(pooled) > 1 else pooled[0]
        return self.classifier(self.dropout(embedding)), embedding


class GatedAttention(nn.Module):
    """A mean over the cells of a map whose weights are learned (Ilse et al. 2018, arXiv:1802.04712, equation 9).

    It starts as the plain mean. A few tumour cells at a patch's rim or a lone cell in its middle are a small part of
    a mean, and a maximum hears only the loudest cell of each channel.
    """

    def __init__(self, channels: int, hidden: int = 64) -> None:
        super().__init__()
        self.value = nn.Conv2d(channels, hidden, kernel_size=1)
        self.gate = nn.Conv2d(channels, hidden, kernel_size=1)
        self.weight = nn.Conv2d(hidden, 1, kernel_size=1)
        nn.init.zeros_(self.weight.weight)
        nn.init.zeros_(self.weight.bias)  # type: ignore[arg-type]

    def forward(self, maps: Tensor) -> Tensor:
        """(N, C, h, w) → (N, C)."""
        rated = self.weight(torch.tanh(self.value(maps)) * torch.sigmoid(self.gate(maps)))  # (N, 1, h, w)
        shares = rated.flatten(2).softmax(dim=2)
        pooled: Tensor = (maps.flatten(2) * shares).sum(2)
        return pooled


def pool(maps: Tensor, kinds: tuple[Pooling, ...], attention: nn.Module | None = None) -> Tensor:
    """(N, C, h, w) → (N, C · len(kinds)), one part per kind, in their order.

    `mean` and `max` are over the whole map; `centre` and `centre-max` over its central third, because the label of a
    PCam patch is about the central 32 of its 96 pixels; `attention` is what that module makes of the map.
    """
    centre = maps[:, :, central_third(maps.shape[2]), central_third(maps.shape[3])]
    parts = []
    for kind in kinds:
        if kind == "attention":
            assert attention is not None
            parts.append(attention(maps))
            continue
        area = centre if kind.startswith("centre") else maps
        parts.append(area.amax((2, 3)) if kind.endswith("max") else area.mean((2, 3)))
    return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


def pool_tokens(tokens: Tensor, prefix: int, kinds: tuple[Pooling, ...], attention: nn.Module | None = None) -> Tensor:
    """(N, prefix + side², C) → (N, C · len(kinds)): `token` is the first of them, the others pool the patches' map.

    Args:
        tokens: Of a vision transformer, after its last normalisation: class token, registers, patches row by row.
        prefix: How many precede those of the patches.
        kinds: See `pool`; in their order.
        attention: See `pool`.
    """
    side = math.isqrt(tokens.shape[1] - prefix)
    maps = tokens[:, prefix:].transpose(1, 2).reshape(-1, tokens.shape[2], side, side)  # (N, C, side, side)
    parts = [tokens[:, 0] if kind == "token" else pool(maps, (kind,), attention) for kind in kinds]
    return torch.cat(parts, dim=1) if len(parts) > 1 else parts[0]


def central_third(length: int) -> slice:
    """The cells of `length` in its middle that cover its central third.

    As many of them are odd or even as `length` is, so that they lie symmetrically and flips and turns of the tile
    leave them in place.
    """
    span = next(count for count in range(2 - length % 2, length + 1, 2) if 3 * count >= length)
    start = (length - span) // 2
    return slice(start, start + span)
