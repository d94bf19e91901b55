"""Small annotated slides: not square, odd sizes, every place's class known by its colour."""

from pathlib import Path

import numpy as np

from sentinode.slides.annotations.asap import write_asap
from sentinode.slides.annotations.regions import TUMOUR, Annotations, Region, shapely
from sentinode.slides.mpp import Mpp
from sentinode.slides.pyramid import write_pyramid

MPP = 0.5
WIDTH, HEIGHT = 1411, 1093
LESION = (512, 256, 1024, 640)
"""Left, top, right, bottom of the tumour, level-0 pixels."""
_PURPLE, _PINK = (120, 60, 150), (200, 110, 150)


def write_slide(folder: Path, name: str, *, tumour: bool, annotated: bool = True) -> Path:
    """A slide full of pink tissue with grain at 0.5 µm/px, with a rim of glass; tumour is purple and annotated."""
    rng = np.random.default_rng(len(name) + sum(map(ord, name)))
    pixels = np.full((HEIGHT, WIDTH, 3), 243, np.uint8)
    pixels[40:-40, 40:-40] = _PINK
    left, top, right, bottom = LESION
    if tumour:
        pixels[top:bottom, left:right] = _PURPLE
    # As coarse as nuclei: with finer grain the rims of all slides would be near copies of one another.
    grain = np.kron(rng.integers(-40, 40, (HEIGHT // 12 + 1, WIDTH // 12 + 1, 1)), np.ones((12, 12, 1), int))
    grain = grain[:HEIGHT, :WIDTH]
    pixels[40:-40, 40:-40] = np.clip(pixels[40:-40, 40:-40] + grain[40:-40, 40:-40], 0, 255).astype(np.uint8)
    folder.mkdir(parents=True, exist_ok=True)
    write_pyramid(folder / f"{name}.tif", [pixels], width=WIDTH, height=HEIGHT, mpp=Mpp(MPP, MPP))
    if tumour and annotated:
        region = Region(shapely.box(left, top, right, bottom), TUMOUR, "lesion", "Tumor")
        write_asap(Annotations((region,)), folder / f"{name}.xml")
    return folder / f"{name}.tif"
