"""Patches of 16 px that a generator of that side takes: normal ones are pale, tumour has dark dots anywhere."""

from pathlib import Path

import numpy as np
from PIL import Image

SIDE = 16


def write_square_patches(folder: Path, splits: dict[str, int] | None = None) -> Path:
    """`folder` with so many patches in each split, half of each class."""
    rng = np.random.default_rng(0)
    for split, count in (splits or {"train": 80, "validation": 60, "test": 60}).items():
        for number in range(count):
            label = ("normal", "tumour")[number % 2]
            coarse = rng.normal(rng.uniform(160, 200, 3), 30, (4, 4, 3))  # no two are taken for near copies
            pixels = coarse.repeat(SIDE // 4, axis=0).repeat(SIDE // 4, axis=1) + rng.normal(0, 8, (SIDE, SIDE, 3))
            if label == "tumour":
                for row, column in rng.integers(0, SIDE - 4, (3, 2)):
                    pixels[row : row + 4, column : column + 4] -= (90, 110, 50)
            path = folder / split / label / f"{number:03d}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels.clip(0, 255).astype(np.uint8)).save(path)
    return folder
