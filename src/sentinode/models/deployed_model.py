"""A network with everything around it that turns a tile's bytes into probabilities: what a bundle's graph computes."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from sentinode.models.image_tiles import cut_images, pool_tiles
from sentinode.models.model_config import Head, TestTime, TilePooling
from sentinode.models.networks.network import Network
from sentinode.models.preprocessing import Preprocessing


class DeployedModel(nn.Module):
    """Preprocessing, network, averaging over orientations and sizes if chosen, temperature, softmax.

    With pooling it takes images of any size from that of a tile on: it cuts each into tiles, and its classical head
    judges the pooled embedding.
    """

    temperature: Tensor

    def __init__(
        self,
        network: Network,
        preprocessing: Preprocessing,
        *,
        head: Head,
        temperature: float = 1.0,
        test_time: TestTime = "none",
        test_time_sizes: Sequence[int] = (),
        pooling: Sequence[TilePooling] = (),
    ) -> None:
        """Args: see `ModelConfig`; `temperature` divides the logits (Guo et al. 2017), fitted on validation; `pooling`
        of `Input`."""
        super().__init__()
        self.network = network
        self.preprocessing = preprocessing
        self.head = head
        self.test_time = test_time
        self.further = nn.ModuleList(preprocessing.at(size) for size in test_time_sizes)
        self.pooling = tuple(pooling)
        self.register_buffer("temperature", torch.tensor(float(temperature)), persistent=False)

    def forward(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H, W, 3) uint8, RGB → probabilities (N, classes) and embedding (N, D), float32.

        With pooling, H and W are at least the side of a tile and D is that of the network times the kinds of pooling.
        """
        logits, embedding = self.logits(tiles)
        return torch.softmax(logits / self.temperature, dim=1), embedding

    def logits(self, tiles: Tensor) -> tuple[Tensor, Tensor]:
        """(N, H, W, 3) uint8 → logits (N, classes) before the temperature, and embedding (N, D), float32.

        One logit z of a two-class head becomes (0, z), whose softmax is z's sigmoid.
        """
        images, count = tiles.shape[0], 1
        if self.pooling:
            tiles, count = cut_images(tiles, self.preprocessing.tile_size)
        views = [self._view(preprocessing(tiles)) for preprocessing in (self.preprocessing, *self.further)]
        logits, embedding = (
            torch.stack(parts).mean(0) if len(parts) > 1 else parts[0] for parts in zip(*views, strict=True)
        )
        if (classical := self.network.classical_head) is not None:
            # Of the averaged embedding, which it was fitted on; the mean of what it says of each is something else.
            embedding = embedding.float()
            if self.pooling:
                embedding = pool_tiles(embedding, images, count, self.pooling)
            return classical.judge(embedding), embedding
        if self.head == "logit":
            logits = torch.cat([torch.zeros_like(logits), logits], dim=1)
        return logits.float(), embedding.float()

    def _view(self, images: Tensor) -> tuple[Tensor, Tensor]:
        """(N, 3, S, S) → logits (N, outputs) and embedding (N, D), averaged over the orientations if chosen."""
        if self.test_time == "none":
            logits, embedding = self.network(images)
            return logits, embedding
        logits, embedding = self.network(orientations(images))  # (8N, outputs), (8N, D)
        return logits.reshape(8, -1, logits.shape[1]).mean(0), embedding.reshape(8, -1, embedding.shape[1]).mean(0)


def orientations(images: Tensor) -> Tensor:
    """(N, C, S, S) → (8N, C, S, S): the group D4, all N images in one orientation before those in the next."""
    turned = images.transpose(2, 3)
    flips = [(), (2,), (3,), (2, 3)]
    return torch.cat([torch.flip(each, axes) if axes else each for each in (images, turned) for axes in flips])
