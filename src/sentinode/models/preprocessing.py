"""From the bytes of a tile to what the network sees, as one module that training and the exported graph share."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from sentinode.models.model_config import IMAGENET_MEAN, IMAGENET_STD

_PAIRS = 5
"""Dimensions of tiles with their context."""


class Preprocessing(nn.Module):
    """uint8 tiles (N, H, W, 3), RGB → float images (N, 3, S, S): resized bilinearly, scaled to 0–1 and normalised.

    Resizing is two products with constant matrices: with Pillow's antialiased triangle filter a library-independent
    result, the same in torch, ONNX and every engine. It has no rounding between the two passes, as Pillow has.
    """

    rows: Tensor
    scale: Tensor
    offset: Tensor

    def __init__(
        self,
        tile_size: int,
        input_size: int | None = None,
        mean: tuple[float, float, float] = IMAGENET_MEAN,
        std: tuple[float, float, float] = IMAGENET_STD,
    ) -> None:
        """Args: side of the tiles and side of the images (None: the same) in pixels; mean and std on the scale 0–1."""
        super().__init__()
        self.tile_size = tile_size
        self.input_size = tile_size if input_size is None else input_size
        self.mean, self.std = mean, std
        mean_, std_ = np.asarray(mean, np.float64), np.asarray(std, np.float64)
        # Not persistent: they are made from the configuration and are no weights.
        self.register_buffer("rows", torch.from_numpy(resize_matrix(tile_size, self.input_size)), persistent=False)
        self.register_buffer("scale", _per_channel(1 / (255 * std_)), persistent=False)
        self.register_buffer("offset", _per_channel(-mean_ / std_), persistent=False)

    def at(self, input_size: int) -> "Preprocessing":
        """The same for images of another side in pixels."""
        return Preprocessing(self.tile_size, input_size, self.mean, self.std)

    def forward(self, tiles: Tensor) -> Tensor:
        """(N, H, W, 3) uint8 → (N, 3, S, S) float32; with context (N, 2, H, W, 3) → (N, 6, S, S), the tile's first."""
        if tiles.ndim == _PAIRS:
            return torch.cat([self(tiles[:, 0]), self(tiles[:, 1])], dim=1)
        images = tiles.permute(0, 3, 1, 2).to(self.scale.dtype)  # in memory still channels last
        return self.normalise(self.resize(images))

    def resize(self, images: Tensor) -> Tensor:
        """(N, 3, H, W) float → (N, 3, S, S) float, on the same scale."""
        if self.tile_size == self.input_size:
            return images
        return self.rows @ images @ self.rows.T

    def normalise(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) float on the scale 0–255 → the same shape, with the mean taken off and divided by std."""
        return images * self.scale + self.offset


def resize_matrix(source: int, target: int) -> NDArray[np.float32]:
    """(target, source) weights of Pillow's BILINEAR.

    A triangle as wide as two source pixels, or two target pixels when shrinking, cut off at the border and normalised
    to a sum of one.
    """
    ratio = source / target
    width = max(ratio, 1.0)
    centres = (np.arange(target) + 0.5) * ratio
    distance = np.abs(np.arange(source)[None, :] + 0.5 - centres[:, None]) / width
    weights = np.clip(1.0 - distance, 0.0, None)
    normalised: NDArray[np.float32] = (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)
    return normalised


def _per_channel(values: NDArray[np.float64]) -> Tensor:
    return torch.from_numpy(values.astype(np.float32)).reshape(1, 3, 1, 1)
