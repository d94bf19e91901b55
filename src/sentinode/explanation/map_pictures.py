"""Maps as pictures: over the tile, and alone, in colours that readers with any colour vision tell apart."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.palette import colour_table

SHOWN_PX = 384
"""Pictures of smaller tiles are enlarged, by a whole number, to about this side."""

STRONGEST = 0.65
"""Opacity of the map where it is largest: the nuclei below can still be made out."""

_AGAINST, _NOTHING, _FOR = (0, 90, 160), (242, 242, 242), (213, 94, 0)
"""Blue, grey and vermillion (after Okabe and Ito 2008): apart for red-green-blind eyes, and unlike stained tissue."""


def draw_overlay(tile: NDArray[np.uint8], map_: NDArray[np.float32], *, signed: bool) -> bytes:
    """PNG of a tile (H, W, 3) with its map (H, W) over it: nothing where the map is 0, stronger with its size."""
    return png(blended(tile, map_, signed=signed))


def blended(tile: NDArray[np.uint8], map_: NDArray[np.float32], *, signed: bool) -> NDArray[np.uint8]:
    """(H, W, 3): a tile with its map (H, W) over it."""
    strength = scaled(map_, signed=signed)
    colours = colours_of(strength, signed=signed).astype(np.float32)
    alpha = STRONGEST * np.abs(strength)[..., None]
    return np.rint(tile * (1 - alpha) + colours * alpha).astype(np.uint8)


def draw_map(map_: NDArray[np.float32], *, signed: bool) -> bytes:
    """PNG of a map (H, W): cividis from 0 on, or blue over grey to vermillion around 0."""
    return png(coloured(map_, signed=signed))


def coloured(map_: NDArray[np.float32], *, signed: bool) -> NDArray[np.uint8]:
    """(H, W, 3) RGB of a map (H, W)."""
    return colours_of(scaled(map_, signed=signed), signed=signed)


def scaled(map_: NDArray[np.float32], *, signed: bool) -> NDArray[np.float32]:
    """A map as shares of its largest size, without the outermost half per cent of pixels: −1 to 1, or 0 to 1."""
    largest = float(np.percentile(np.abs(map_), 99.5)) or float(np.abs(map_).max())
    return np.asarray(np.clip(map_ / (largest or 1), -1 if signed else 0, 1), np.float32)


def colours_of(strength: NDArray[np.float32], *, signed: bool) -> NDArray[np.uint8]:
    """(H, W) from `scaled` → (H, W, 3) RGB."""
    if not signed:
        return np.asarray(colour_table()[np.rint(strength * 255).astype(np.uint8)])
    end = np.where(strength[..., None] < 0, _AGAINST, _FOR)
    share = np.abs(strength)[..., None]
    return np.asarray(np.rint(np.asarray(_NOTHING) * (1 - share) + end * share), np.uint8)


def png(pixels: NDArray[np.uint8]) -> bytes:
    """(H, W, 3) as a PNG file, enlarged where it is small."""
    factor = max(1, round(SHOWN_PX / max(pixels.shape[:2])))
    stream = io.BytesIO()
    image = Image.fromarray(pixels)
    image = image.resize((image.width * factor, image.height * factor), Image.Resampling.BICUBIC)
    image.save(stream, "PNG", compress_level=1)
    return stream.getvalue()
