"""Small pictures of stained tissue with known pixels, and whether what was read is what was written."""

from pathlib import Path

import numpy as np

from sentinode.core.errors import DataError
from sentinode.core.messages import plural
from sentinode.slides.reader import Pixels
from sentinode.slides.slide import open_slide
from sentinode.testing.oddities.oddity import MisreadError

WIDTH, HEIGHT = 212, 148
"""Neither square nor whole tiles."""
MPP = 0.5
JPEG_SLACK = 14
"""Grey levels by which JPEG of quality 95 may change a picture as smooth as these."""


def tissue(width: int = WIDTH, height: int = HEIGHT) -> Pixels:
    """Glass with a soft-edged piece of pink and purple: smooth, so that JPEG hardly changes it; no symmetry."""
    y, x = np.mgrid[:height, :width].astype(np.float64)
    middle_x, middle_y = 0.42 * width, 0.46 * height
    inside = np.exp(-((((x - middle_x) / (0.3 * width)) ** 4) + ((y - middle_y) / (0.32 * height)) ** 4))
    nuclei = 0.5 + 0.5 * np.sin(x / 23) * np.cos(y / 17 + 1)
    stained = np.array([206, 118, 168]) * (1 - nuclei[..., None]) + np.array([120, 74, 150]) * nuclei[..., None]
    glass = np.full(3, 242.0)
    pixels: Pixels = np.rint(glass * (1 - inside[..., None]) + stained * inside[..., None]).astype(np.uint8)
    return pixels


def check_pixels(read: Pixels, written: Pixels, slack: int = 0) -> None:
    """Raise `MisreadError` where the two differ in size, or by more than `slack` grey levels anywhere."""
    if read.shape != written.shape:
        raise MisreadError(
            f"{read.shape[1]}×{read.shape[0]} px were read, {written.shape[1]}×{written.shape[0]} written"
        )
    apart = int(np.abs(read.astype(np.int16) - written.astype(np.int16)).max())
    if apart > slack:
        raise MisreadError(f"what was read is up to {apart} grey levels from what was written")


def check_slide(path: Path, written: Pixels, slack: int = 0, *, series: int | None = None) -> None:
    """Read all of level 0 of a slide, and its µm/px, which is to be `MPP`; see `check_pixels`."""
    with open_slide(path, series=series) as slide:
        check_pixels(slide.reader.read(0, 0, 0, slide.width, slide.height), written, slack)
        if abs(slide.mpp.x / MPP - 1) > 1e-3:
            raise MisreadError(f"{slide.mpp} µm/px were read, {MPP:g} written")


def only_file(folder: Path) -> Path:
    """The one file of a folder.

    Raises:
        DataError: It has none, or several.
    """
    files = [path for path in folder.iterdir() if path.is_file()]
    if len(files) != 1:
        raise DataError(f"{folder} holds {plural(len(files), 'file')}; give a folder with one")
    return files[0]
