"""A network that sees a tile and, four times as coarse, what lies around it."""

import torch
from torch import Tensor, nn

from sentinode.models.networks.network import Network


class ContextNetwork(Network):
    """Two backbones of one kind, one for the tile and one for its context; one linear head on both embeddings.

    Two and not one for both: at four times the µm/px a nucleus is a dot, and what a backbone has learned of chromatin
    says nothing there; batch norms would keep one mean for two kinds of image. Joined late, by their pooled embeddings
    side by side: HookNet (van Rijthoven et al. 2021, doi:10.1016/j.media.2020.101890) joins maps, since it outlines
    each pixel and has to know where in the context the tile lies; a label of the whole tile needs no place.

    The backbones have no head of their own; their parameters have the library's names behind `near.` and `wide.`.
    """

    head_name = "classifier"
    sees_context = True

    def __init__(self, near: Network, wide: Network, *, outputs: int, dropout: float) -> None:
        """Args: backbones, whose heads are taken off; number of logits; share of the embedding dropped in training."""
        super().__init__()
        for backbone in (near, wide):
            backbone.set_submodule(backbone.head_name, nn.Identity())
        self.near, self.wide = near, wide
        self.embedding_size = near.embedding_size + wide.embedding_size
        self.dropout = nn.Dropout(dropout)
        self.classifier = nn.Linear(self.embedding_size, outputs)

    @property
    def fresh(self) -> tuple[str, ...]:
        """The modules that no public weights have, and that therefore learn first."""
        pooling = self.near.learned_pooling
        return (self.head_name, *((f"near.{pooling}", f"wide.{pooling}") if pooling else ()))

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 6, S, S) float, normalised, the tile's channels first → logits (N, outputs) and embedding (N, D)."""
        _, near = self.near(images[:, :3])
        _, wide = self.wide(images[:, 3:])
        embedding = torch.cat([near, wide], dim=1)
        return self.classifier(self.dropout(embedding)), embedding
