"""Images of the size of `model_makers`' tiles, as arrays and as files."""

import io
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from helpers.model_makers import TILE_SIZE


def pixels(seed: int, width: int = TILE_SIZE, height: int = TILE_SIZE) -> NDArray[np.uint8]:
    """Blobs of colour."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (-(-height // 6), -(-width // 6), 3))
    return np.kron(coarse, np.ones((6, 6, 1))).astype(np.uint8)[:height, :width]


def encoded(image: NDArray[np.uint8], kind: str = "PNG", **options: Any) -> bytes:
    """An image as a file."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, kind, **options)
    return out.getvalue()
