"""Scores as colours that every reader tells apart."""

from functools import cache

import numpy as np
from numpy.typing import NDArray

PALETTE = "cividis"
"""Blue over grey to yellow, even in lightness: made to look alike with normal and with red-green-blind eyes
(Nuñez, Anderton and Renslow 2018, PLoS ONE 13:e0199239)."""


@cache
def colour_table() -> NDArray[np.uint8]:
    """(256, 3) RGB of the scores 0 to 1."""
    import matplotlib as mpl

    colours = mpl.colormaps[PALETTE](np.arange(256))[:, :3]
    return np.asarray(np.rint(colours * 255), np.uint8)


def colours_of(values: NDArray[np.float32]) -> NDArray[np.uint8]:
    """(h, w, 4) RGBA of (h, w) scores: opaque, or transparent black where the score is NaN."""
    scanned = np.isfinite(values)
    index = np.rint(np.clip(np.where(scanned, values, 0), 0, 1) * 255).astype(np.uint8)
    out = np.zeros((*values.shape, 4), np.uint8)
    out[..., :3] = colour_table()[index] * scanned[..., None]
    out[..., 3] = scanned * 255
    return out
