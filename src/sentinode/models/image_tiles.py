"""Images larger than a tile, inside the graph: cut into tiles that cover them, and the tiles' embeddings pooled."""

from collections.abc import Sequence

import torch
from torch import Tensor

from sentinode.core.tile_cover import starts, tiles_along
from sentinode.models.model_config import TilePooling


def cut_images(images: Tensor, side: int) -> tuple[Tensor, int]:
    """(N, H, W, 3), H and W at least `side` → tiles (N · n, side, side, 3), and n, the tiles of an image.

    Each image's tiles lie side by side, in the order of `covering.cut`. Height and width may be symbols: the exported
    graph takes images of any size.
    """
    number, height, width = images.shape[0], images.shape[1], images.shape[2]
    down, across = tiles_along(height, side), tiles_along(width, side)
    rows, columns = _pixels(height, down, side, images), _pixels(width, across, side, images)
    tiles = images.index_select(1, rows).index_select(2, columns)  # (N, down · side, across · side, 3)
    grid = tiles.reshape(number, down, side, across, side, 3).permute(0, 1, 3, 2, 4, 5)
    return grid.reshape(number * down * across, side, side, 3), down * across


def pool_tiles(embedding: Tensor, images: int, tiles: int, pooling: Sequence[TilePooling]) -> Tensor:
    """(images · tiles, D) → (images, D · kinds), one part per kind, in their order."""
    of_images = embedding.reshape(images, tiles, embedding.shape[1])
    return torch.cat([of_images.amax(1) if kind == "max" else of_images.mean(1) for kind in pooling], dim=1)


def _pixels(length: int, count: int, side: int, images: Tensor) -> Tensor:
    """(count · side,): the pixels of each tile along an axis, one tile's after another's."""
    first: Tensor = starts(torch.arange(count, device=images.device), length, side)
    pixels: Tensor = first.unsqueeze(1) + torch.arange(side, device=images.device)
    return pixels.reshape(-1)
