"""Augmentation of what a discriminator sees, real or drawn, through which the generator still gets its gradient.

Differentiable augmentation (Zhao et al. 2020, arXiv:2006.10738): colour, translation and cutout. Without it a
discriminator knows a few thousand images by heart before the generator has learned anything.
"""

import torch
from torch import Tensor

_MOVED = 1 / 8
_CUT = 1 / 2


def augmented(images: Tensor) -> Tensor:
    """Each image with a colour, a place and a hole of its own; randomness is torch's.

    Args:
        images: (N, C, S, S), -1 to 1.
    """
    return _cut_out(_moved(_coloured(images)))


def turned(images: Tensor) -> Tensor:
    """Each image in one of the eight orientations of a square: tissue has no up. (N, C, S, S)."""
    draws = torch.rand(3, len(images), device=images.device)[:, :, None, None, None] < 0.5  # (3, N, 1, 1, 1)
    images = torch.where(draws[0], images.flip(2), images)
    images = torch.where(draws[1], images.flip(3), images)
    return torch.where(draws[2], images.transpose(2, 3), images)


def _coloured(images: Tensor) -> Tensor:
    """Brightness by up to half of 1, saturation by up to twice, contrast by a half to one and a half."""
    brightness, saturation, contrast = torch.rand(3, len(images), 1, 1, 1, device=images.device)
    images = images + (brightness - 0.5)
    grey = images.mean(dim=1, keepdim=True)
    images = grey + (images - grey) * (2 * saturation)
    middle = images.mean(dim=(1, 2, 3), keepdim=True)
    coloured: Tensor = middle + (images - middle) * (contrast + 0.5)
    return coloured


def _moved(images: Tensor) -> Tensor:
    """By up to an eighth of the side in both directions; what comes in is grey."""
    count, _, side, _ = images.shape
    reach = int(side * _MOVED + 0.5)
    shifts = torch.randint(-reach, reach + 1, (2, count, 1), device=images.device)
    places = torch.arange(side, device=images.device)
    rows, columns = ((places + shift).clamp(-1, side) + 1 for shift in shifts)  # (N, S): of the padded image
    padded = torch.nn.functional.pad(images, [1, 1, 1, 1])
    own = torch.arange(count, device=images.device)[:, None, None]
    return padded.permute(0, 2, 3, 1)[own, rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _cut_out(images: Tensor) -> Tensor:
    """A square of half the side, anywhere, becomes grey."""
    count, _, side, _ = images.shape
    reach = int(side * _CUT + 0.5)
    corners = torch.randint(0, side + 1 - reach % 2, (2, count, 1), device=images.device) - reach // 2
    places = torch.arange(side, device=images.device)
    rows, columns = ((places >= corner) & (places < corner + reach) for corner in corners)  # (N, S)
    hole = rows[:, None, :, None] & columns[:, None, None, :]
    return images.masked_fill(hole, 0.0)
