"""What scanners and files do to a picture, as augmentation of whole batches: focus, sub-pixel position, JPEG.

A network that has only seen one scanner's sharpness and one file's compression reads both as tissue: the share of its
score that they decide is what these two operations train away (Hendrycks and Dietterich 2019, arXiv:1903.12261, measure
the same weakness on photographs).
"""

import math

import torch
from torch import Tensor
from torch.nn import functional

_SHIFT_PX = 0.25
"""Largest sub-pixel shift: a tile's edge seldom falls on a pixel's edge of the level that it is read from."""
_QUALITIES = (50, 95)
_BLUR_TAPS = 3  # on each side: three standard deviations of a pixel

# Rows: Y, Cb, Cr of R, G, B (JFIF 1.02, from ITU-R BT.601).
_TO_YCC = ((0.299, 0.587, 0.114), (-0.168736, -0.331264, 0.5), (0.5, -0.418688, -0.081312))
# ITU-T T.81 (JPEG), annex K.1: the tables that encoders scale by their quality.
_LUMA_STEPS = (
    (16, 11, 10, 16, 24, 40, 51, 61),
    (12, 12, 14, 19, 26, 58, 60, 55),
    (14, 13, 16, 24, 40, 57, 69, 56),
    (14, 17, 22, 29, 51, 87, 80, 62),
    (18, 22, 37, 56, 68, 109, 103, 77),
    (24, 35, 55, 64, 81, 104, 113, 92),
    (49, 64, 78, 87, 103, 121, 120, 101),
    (72, 92, 95, 98, 112, 100, 103, 99),
)
_CHROMA_STEPS = (
    (17, 18, 24, 47, 99, 99, 99, 99),
    (18, 21, 26, 66, 99, 99, 99, 99),
    (24, 26, 56, 99, 99, 99, 99, 99),
    (47, 66, 99, 99, 99, 99, 99, 99),
    *(((99,) * 8,) * 4),
)


def vary_focus(images: Tensor, strength: float) -> Tensor:
    """Blur or sharpen each image and shift it by part of a pixel, on each axis by its own draw.

    Along an axis an image is convolved with (a, 1 − a − c, c): a + c, the blur, is drawn between −`strength` / 4
    (sharper) and `strength`, and a − c, the shift, between −0.25 and 0.25 pixels.

    Args:
        images: (N, H, W, 3) float, in [0, 255].
        strength: Largest blur, up to 0.5: then an axis is averaged as by (¼, ½, ¼).

    Returns:
        (N, H, W, 3) float in [0, 255].
    """
    for axis in (1, 2):
        draws = torch.rand(2, len(images), 1, 1, 1, device=images.device)
        blur, shift = strength * (1.25 * draws[0] - 0.25), _SHIFT_PX * (2 * draws[1] - 1)
        size = images.shape[axis]
        before = torch.cat([images.narrow(axis, 0, 1), images.narrow(axis, 0, size - 1)], dim=axis)
        after = torch.cat([images.narrow(axis, 1, size - 1), images.narrow(axis, size - 1, 1)], dim=axis)
        images = images * (1 - blur) + before * ((blur + shift) / 2) + after * ((blur - shift) / 2)
    return images.clamp(0, 255)


def blur(images: Tensor, strength: float, sigma: Tensor | None = None) -> Tensor:
    """Blur each image by a Gaussian.

    Args:
        images: (N, H, W, 3) float.
        strength: Largest standard deviation in pixels.
        sigma: (N,) standard deviations; by default each image's own draw up to `strength`.

    Returns:
        The same shape; the border is continued.
    """
    if sigma is None:
        sigma = strength * torch.rand(len(images), device=images.device)
    steps = torch.arange(-_BLUR_TAPS, _BLUR_TAPS + 1, device=images.device)
    weights = torch.exp(-(steps[None] ** 2) / (2 * sigma.clamp(min=1e-3)[:, None] ** 2))
    weights = (weights / weights.sum(dim=1, keepdim=True))[:, :, None, None, None]
    for axis in (1, 2):
        size = images.shape[axis]
        index = torch.arange(size, device=images.device)
        images = sum(
            (
                images.index_select(axis, (index + step).clamp(0, size - 1)) * weights[:, place]
                for place, step in enumerate(range(-_BLUR_TAPS, _BLUR_TAPS + 1))
            ),
            start=torch.zeros_like(images),
        )
    return images


def compress(images: Tensor, quality: Tensor | None = None, *, lowest: int = _QUALITIES[0]) -> Tensor:
    """What JPEG leaves of each image: 8 × 8 cosine transform, quantised, chroma at half size (4:2:0).

    Args:
        images: (N, H, W, 3) float, in [0, 255], any size.
        quality: (N,), from 1 to 100 as encoders count it; by default each image's own draw from `lowest` to 95.
        lowest: See `quality`.

    Returns:
        (N, H, W, 3) float in [0, 255].
    """
    count, height, width, _ = images.shape
    if quality is None:
        low, high = lowest, _QUALITIES[1]
        quality = low + (high - low) * torch.rand(count, device=images.device)
    to_ycc = torch.tensor(_TO_YCC, device=images.device)
    planes = (images @ to_ycc.T).permute(0, 3, 1, 2)
    planes = functional.pad(planes, (0, -width % 16, 0, -height % 16), mode="replicate")
    luma = _quantise(planes[:, :1] - 128, _steps(_LUMA_STEPS, quality)) + 128
    chroma = _quantise(functional.avg_pool2d(planes[:, 1:], 2), _steps(_CHROMA_STEPS, quality))
    # Decoders enlarge chroma by a triangle filter ("fancy upsampling" of libjpeg), which is bilinear here.
    chroma = functional.interpolate(chroma, scale_factor=2, mode="bilinear", align_corners=False)
    made = torch.cat([luma, chroma], dim=1)[:, :, :height, :width].permute(0, 2, 3, 1)
    restored: Tensor = made @ torch.linalg.inv(to_ycc).T
    return restored.clamp(0, 255)


def _steps(table: tuple[tuple[int, ...], ...], quality: Tensor) -> Tensor:
    """(N, 8, 8) steps of the table at each quality, by libjpeg's formula."""
    scale = torch.where(quality < 50, 5000 / quality, 200 - 2 * quality)
    base = torch.tensor(table, dtype=torch.float32, device=quality.device)
    return torch.clamp(((base * scale[:, None, None] + 50) / 100).floor(), 1, 255)


def _quantise(planes: Tensor, steps: Tensor) -> Tensor:
    """(N, C, H, W), H and W multiples of 8, with every block's cosine coefficients rounded to (N, 8, 8) steps."""
    count, channels, height, width = planes.shape
    cosines = _cosines(planes.device)
    blocks = planes.reshape(count, channels, height // 8, 8, width // 8, 8).transpose(3, 4)
    steps = steps[:, None, None, None]
    rounded = ((cosines @ blocks @ cosines.T) / steps).round() * steps
    restored: Tensor = cosines.T @ rounded @ cosines
    return restored.transpose(3, 4).reshape(planes.shape)


def _cosines(device: torch.device) -> Tensor:
    """The orthonormal 8-point cosine transform (DCT-II), one frequency a row."""
    place = torch.arange(8, dtype=torch.float32, device=device)
    rows = torch.cos((2 * place[None] + 1) * place[:, None] * math.pi / 16) / 2
    rows[0] /= math.sqrt(2)
    return rows
