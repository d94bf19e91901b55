"""What is put where tissue is taken away: the tile itself, blurred until no nucleus is left."""

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

SHARE = 1 / 12
"""Standard deviation of the blur, as a part of the tile's shorter side: of a PCam patch 8 px or 8 µm, a nucleus."""


def blurred(tiles: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """(N, H, W, 3) → the same, blurred.

    Blurring takes cells away and leaves the stain; black or white in their place would be nothing that a slide has,
    and would itself speak for a class.
    """
    radius = min(tiles.shape[1:3]) * SHARE
    images = [Image.fromarray(tile).filter(ImageFilter.GaussianBlur(radius)) for tile in tiles]
    return np.stack([np.asarray(image, np.uint8) for image in images]) if images else tiles.copy()
