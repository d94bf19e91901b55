"""Enlarging a picture so that the pyramid above it shows it again as it was."""

import numpy as np
from PIL import Image

from sentinode.slides.reader import Pixels


def enlarge(pixels: Pixels, factor: int) -> Pixels:
    """(height · factor, width · factor, 3) uint8 whose means over factor × factor blocks are `pixels`.

    Bicubic, then each block is moved by what its mean is off; only where that leaves 0 to 255 is a mean not kept.
    """
    height, width = pixels.shape[:2]
    smooth = Image.fromarray(pixels).resize((width * factor, height * factor), Image.Resampling.BICUBIC)
    large = np.asarray(smooth).reshape(height, factor, width, factor, 3).astype(np.int16)
    off = pixels - np.rint(large.mean(axis=(1, 3), dtype=np.float32)).astype(np.int16)
    large += off[:, None, :, None]
    return np.clip(large, 0, 255).astype(np.uint8).reshape(height * factor, width * factor, 3)
