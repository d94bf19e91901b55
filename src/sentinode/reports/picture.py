"""Pictures inside a page: pixels as a `data:` address, so that the page needs no other file."""

import base64
import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_QUALITY = 88


def picture_address(pixels: NDArray[np.uint8], widest: int) -> str:
    """A JPEG of (H, W, 3) RGB pixels, made smaller where a side is longer than `widest` pixels."""
    picture = Image.fromarray(pixels)
    picture.thumbnail((widest, widest), Image.Resampling.LANCZOS)
    stream = io.BytesIO()
    # No chroma subsampling: stain colours are what a pathologist looks at.
    picture.save(stream, "JPEG", quality=_QUALITY, subsampling=0, optimize=True)
    return f"data:image/jpeg;base64,{base64.b64encode(stream.getvalue()).decode('ascii')}"
