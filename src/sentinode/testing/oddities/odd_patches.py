"""Odd patches: colours that tag and pixels disagree on, samples that are not 8-bit RGB."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.images import read_image
from sentinode.testing.oddities.oddity import Oddity
from sentinode.testing.oddities.pictures import check_pixels, only_file, tissue
from sentinode.testing.oddities.tiff_files import write_plain

_SIDE = 96


def _read(slack: int = 0) -> Callable[[Path], None]:
    return lambda folder: check_pixels(read_image(only_file(folder)), tissue(_SIDE, _SIDE), slack)


def _plain(name: str, about: str, pixels: Any, refusal: str = "", **tags: Any) -> Oddity:
    return Oddity(
        f"patches/{name}", about, lambda folder: write_plain(folder / "patch.tif", pixels, **tags), _read(), refusal
    )


_PATCH = tissue(_SIDE, _SIDE)

PATCHES: tuple[Oddity, ...] = (
    _plain("sixteen-bit", "16 bits a sample", _PATCH.astype(np.uint16) * 16, "16 bits a channel"),
)
