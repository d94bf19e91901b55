"""A network with everything around it that turns a tile's bytes into probabilities: what a bundle's graph computes."""

import torch
from torch import Tensor, nn

from sentinode.models.config import Head, TestTime
from sentinode.models.networks import Network
from sentinode.models.preprocessing import Preprocessing


class DeployedModel(nn.Module):
    """Preprocessing, network, averaging over the eight flips and quarter turns if chosen, temperature, softmax."""

    temperature: Tensor

    def __init__(
        self,
        network: Network,
        preprocessing: Preprocessing,
        *,
        head: Head,
        temperature: float = 1.0,
        test_time: TestTime = "none",
    ) -> None:
        """Args: see `ModelConfig`; `temperature` divides the logits (Guo et al. 2017), fitted on validation."""
        super().__init__()
        self.network = network
        self.preprocessing = preprocessing
        self.head = head
        self.test_time = test_time
        self.register_buffer("temperature", torch.tensor(float(temperature)), persistent=False)

    def forward(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H, W, 3) uint8, RGB → probabilities (N, classes) and embedding (N, D), float32."""
        logits, embedding = self.logits(tiles)
        return torch.softmax(logits / self.temperature, dim=1), embedding

    def logits(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H, W, 3) uint8 → logits (N, classes) before the temperature, and embedding (N, D), float32.

        One logit z of a two-class head becomes (0, z), whose softmax is z's sigmoid.
        """
        images = self.preprocessing(tiles)
        if self.test_time == "none":
            logits, embedding = self.network(images)
        else:
            logits, embedding = self.network(orientations(images))  # (8N, outputs), (8N, D)
            logits = logits.reshape(8, -1, logits.shape[1]).mean(0)
            embedding = embedding.reshape(8, -1, embedding.shape[1]).mean(0)
        if self.head == "logit":
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        return logits.float(), embedding.float()


def orientations(images: Tensor) -> Tensor:
    """(N, C, S, S) → (8N, C, S, S): the group D4, all N images in one orientation before those in the next."""
    turned = images.transpose(2, 3)
    flips = [(), (2,), (3,), (2, 3)]
    return torch.cat([torch.flip(each, axes) if axes else each for each in (images, turned) for axes in flips])
