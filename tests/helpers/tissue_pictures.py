"""Drawn overviews at 8 µm/px: glass, H&E tissue with a grain, fat, ink. Seeded, not square."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw
from scipy import ndimage

Pixels = NDArray[np.uint8]
UM_PER_PX = 8.0
_HAEMATOXYLIN, _EOSIN = np.array([0.65, 0.70, 0.29]), np.array([0.07, 0.99, 0.11])
INKS = {
    "navy": ((30, 35, 95), "pen-blue"),
    "blue": ((60, 100, 200), "pen-blue"),
    "green": ((30, 130, 70), "pen-green"),
    "lime": ((110, 170, 40), "pen-green"),
    "black": ((25, 25, 28), "pen-black"),
}


def glass(height: int = 150, width: int = 211, colour: tuple[int, int, int] = (243, 241, 244), seed: int = 1) -> Pixels:
    """Bare glass with a scanner's noise."""
    noise = np.random.default_rng(seed).normal(0, 1.5, (height, width, 3))
    return np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)


def stained(picture: Pixels, where: NDArray[np.bool_], *, strength: float = 0.5, seed: int = 2) -> Pixels:
    """`picture` with tissue at `where`: nuclei in stroma, in optical densities, one grain a pixel or two."""
    random = np.random.default_rng(seed)
    nuclei = ndimage.gaussian_filter(random.random(where.shape), 0.6)[..., None]
    nuclei = np.clip((nuclei - 0.4) * 5, 0, 1)
    stroma = 0.5 * (_HAEMATOXYLIN + _EOSIN)  # red to green 0.43, as a tenth of PCam's pixels have less
    density = strength * (nuclei * _HAEMATOXYLIN + 0.5 * (1 - 0.6 * nuclei) * stroma)
    out = picture * 10 ** -(density * where[..., None])
    return np.asarray(np.clip(out, 0, 255), np.uint8)


def rectangle(picture: Pixels, left: int, top: int, right: int, bottom: int) -> NDArray[np.bool_]:
    """(h, w) True within."""
    where = np.zeros(picture.shape[:2], bool)
    where[top:bottom, left:right] = True
    return where


def fat(height: int = 110, width: int = 149) -> Pixels:
    """Fat cells of 90 µm with walls of 6 µm, drawn eight times finer than the overview."""
    fine = Image.new("L", (width * 8, height * 8))
    draw = ImageDraw.Draw(fine)
    for row in range(height * 8 // 78 + 2):
        for column in range(width * 8 // 90 + 2):
            x, y = column * 90 + row % 2 * 45, row * 78
            draw.ellipse((x - 47, y - 47, x + 47, y + 47), outline=255, width=6)
    cover = np.asarray(fine, float).reshape(height, 8, width, 8).mean((1, 3))[..., None] / 255
    return np.asarray(np.clip(glass(height, width) * 10 ** -(cover * 0.35 * _EOSIN), 0, 255), np.uint8)


def drawn_over(picture: Pixels, colour: tuple[int, int, int], top: int, thickness: int = 30) -> tuple[Pixels, Any]:
    """A pen's stroke across the picture, which dims what is below it; and where it is."""
    where = np.zeros(picture.shape[:2])
    for x in range(12, picture.shape[1] - 12):
        start = top + round(6 * np.sin(x / 17))
        where[start : start + thickness, x] = 1
    cover = ndimage.gaussian_filter(where, 0.7)[..., None]
    out = picture * (1 - cover * (1 - np.array(colour) / 245))
    return np.clip(out, 0, 255).astype(np.uint8), where > 0
