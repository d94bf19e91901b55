"""What a bundle holds beside its model: tiles to prove itself on, a reference sample, hashes of what it has seen."""

from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.stain_statistics import STAIN_COLUMNS, stain_statistics
from sentinode.core.tile_quality import QUALITY_COLUMNS, quality_statistics
from sentinode.data.dataset import Dataset

_EXAMPLES = 4
_BLOTS = 24  # across an example tile

REFERENCE_TILES = 500
"""Training images that later data is held against, for drift; more would only make bundles larger."""


def example_tiles(size: int, *, context: bool = False) -> NDArray[np.uint8]:
    """(n, size, size, 3): blots of colours as in H&E; with context (n, 2, size, size, 3), each before another one.

    No image of a patient belongs in a bundle.
    """
    generator = np.random.default_rng(0)
    coarse = generator.integers(0, 256, (_EXAMPLES, _BLOTS, _BLOTS, 3), dtype=np.uint8)
    coarse = np.maximum(coarse // np.array([2, 3, 2], dtype=np.uint8), np.array([60, 30, 90], dtype=np.uint8))
    resized = [Image.fromarray(tile).resize((size, size), Image.Resampling.BICUBIC) for tile in coarse]
    tiles = np.stack([np.asarray(tile, dtype=np.uint8) for tile in resized])
    return np.stack([tiles, tiles[::-1]], axis=1) if context else tiles


def reference_tiles(data: Dataset, seed: int, split: str = "train", *, context: bool = False) -> NDArray[np.uint8]:
    """(n, H, W, 3): a random sample of a split's images, in the manifest's order; with context (n, 2, H, W, 3)."""
    rows = data.manifest.rows(split)
    chosen = rows[np.sort(np.random.default_rng(seed).permutation(len(rows))[:REFERENCE_TILES])]
    return data.inputs(context=context)[chosen]


def reference(
    tiles: NDArray[np.uint8], probabilities: NDArray[np.float32], embedding: NDArray[np.float32]
) -> dict[str, NDArray[Any]]:
    """What later data is held against: probabilities (n, classes), embedding (n, D), stain, quality of `tiles`."""
    return {
        "probabilities": probabilities,
        # Half precision is far finer than any drift, and a bundle should stay small.
        "embedding": embedding.astype(np.float16),
        "stain": stain_statistics(tiles),
        "stain_columns": np.array(STAIN_COLUMNS),
        "quality": quality_statistics(tiles),
        "quality_columns": np.array(QUALITY_COLUMNS),
    }


def pixel_hashes(data: Dataset, split: str) -> NDArray[np.uint64]:
    """Sorted hashes of the pixels of a split's images."""
    table = data.manifest.table
    return np.sort(np.array([int(text, 16) for text in table.loc[table["split"] == split, "pixels"]], dtype=np.uint64))
