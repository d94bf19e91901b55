"""Several deployed models as one network, so that all that takes a network takes an ensemble too."""

import math
from collections.abc import Sequence
from typing import cast

import torch
from pydantic import BaseModel, ConfigDict
from torch import Tensor, nn

from sentinode.models.bundle_info import ENSEMBLE, Input
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.model_config import Mean, ModelConfig, Storage
from sentinode.models.networks.network import Network

# Each member prepares the tiles in its own way, so the bytes reach it as they are: a mean of 0 and, as the mean and the
# standard deviation are on the scale 0 to 1, a standard deviation of 1/255.
_MEAN = (0.0, 0.0, 0.0)
_STD = (1 / 255, 1 / 255, 1 / 255)


class EnsembleArguments(BaseModel):
    """`arguments` of the architecture `ensemble`."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    mean: Mean = "probabilities"
    """What is averaged over the members."""


class EnsembleNetwork(Network):
    """The mean of its members' answers, each at its own temperature; the embedding is theirs, one behind the other."""

    head_name = ""  # each member has one of its own

    def __init__(self, members: Sequence[DeployedModel], mean: Mean) -> None:
        """Args: models of the same classes and tile size; what is averaged."""
        super().__init__()
        self.members = nn.ModuleList(members)
        self.mean: Mean = mean
        self.embedding_size = sum(member.network.embedding_size for member in members)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, H, W) float on the scale 0–255 → logits (N, classes) and embedding (N, ΣD), float32."""
        logits, embeddings = self.answers(images)
        return combine(logits, self.mean), torch.cat(embeddings, dim=1)

    def answers(self, images: Tensor) -> tuple[list[Tensor], list[Tensor]]:
        """The members' logits (N, classes), divided by their temperatures, and embeddings (N, D), in their order."""
        tiles = images.permute(0, 2, 3, 1)  # a member turns them back: no pixel is moved
        members = [cast(DeployedModel, member) for member in self.members]
        pairs = [member.logits(tiles) for member in members]
        calibrated = [logits / member.temperature for (logits, _), member in zip(pairs, members, strict=True)]
        return calibrated, [embedding for _, embedding in pairs]


def combine(logits: Sequence[Tensor], mean: Mean) -> Tensor:
    """Logits (N, classes) of several models → logits of their mean.

    The mean of the probabilities comes as its logarithm, so that it too can be sharpened by a temperature; softmax
    gives the mean itself back.
    """
    stacked = torch.stack(list(logits))  # (members, N, classes)
    if mean == "logits":
        return stacked.mean(0)
    return torch.logsumexp(torch.log_softmax(stacked, dim=2), dim=0) - math.log(len(stacked))


def ensemble_config(mean: Mean, storages: Sequence[Storage]) -> ModelConfig:
    """The `model` of an ensemble's bundle. Half precision needs every member's weights to be rounded already."""
    storage: Storage = "float16" if set(storages) == {"float16"} else "float32"
    return ModelConfig(architecture=ENSEMBLE, mean=_MEAN, std=_STD, storage=storage, arguments={"mean": mean})


def ensemble_input(tile_size: int, mpp: float | None) -> Input:
    """The `input` of an ensemble's bundle; side of the tiles in pixels, µm/px."""
    return Input(tile_size=tile_size, mpp=mpp, input_size=tile_size, mean=_MEAN, std=_STD)
