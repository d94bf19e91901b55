"""Views of an image: what a self-supervised method is to find the same in."""

import torch
from torch import Tensor, nn
from torch.nn import functional

from sentinode.models.preprocessing import Preprocessing
from sentinode.training.augmentation import Augmentation
from sentinode.training.pretraining.pretrain_recipe import ViewsConfig


class Views(nn.Module):
    """Draws views; randomness is torch's, which the caller seeds for each step."""

    def __init__(self, config: ViewsConfig, preprocessing: Preprocessing) -> None:
        super().__init__()
        self.config = config
        self.augmentation = Augmentation(config.augmentation)
        self.preprocessing = preprocessing

    def forward(self, tiles: Tensor) -> list[Tensor]:
        """(N, H, W, 3) uint8 → two views and the local ones, each (N, 3, S, S) as the network sees it."""
        config = self.config
        parts = [(config.smallest_part, 1.0)] * 2 + [config.local_part] * config.local_views
        return [self._view(tiles, *part) for part in parts]

    def _view(self, tiles: Tensor, least: float, most: float) -> Tensor:
        images = self.augmentation(tiles).permute(0, 3, 1, 2)
        return self.preprocessing.normalise(self.preprocessing.resize(enlarge(images, least, most)))


def enlarge(images: Tensor, least: float, most: float) -> Tensor:
    """A square part of each image, anywhere in it, enlarged to the whole.

    Args:
        images: (N, C, H, W).
        least: Share of the area that a part has at least.
        most: And at most.
    """
    count, device = len(images), images.device
    side = (least + (most - least) * torch.rand(count, device=device)).sqrt()
    middle = (2 * torch.rand(2, count, device=device) - 1) * (1 - side)
    zero = torch.zeros_like(side)
    affine = torch.stack([side, zero, middle[0], zero, side, middle[1]], dim=1).view(count, 2, 3)
    grid = functional.affine_grid(affine, list(images.shape), align_corners=False)
    return functional.grid_sample(images, grid, "bilinear", padding_mode="border", align_corners=False)
