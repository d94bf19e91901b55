"""Odd slides: colours that tag and tile disagree on, samples that are no 8-bit RGB, several pictures, sizes, bounds."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.slides.reader import Pixels
from sentinode.testing.oddities.oddity import Oddity
from sentinode.testing.oddities.pictures import HEIGHT, JPEG_SLACK, WIDTH, check_slide, only_file, tissue
from sentinode.testing.oddities.tiff_files import (
    APERIO_JP2K_YCBCR,
    JPEG,
    Encode,
    jpeg,
    jpeg_2000,
    write_plain,
    write_tiles,
)

_APERIO = f"Aperio Image Library v11.2.1\r\n{WIDTH}x{HEIGHT} (64x64) JPEG/RGB Q=95|AppMag = 20|MPP = 0.5000"


def _read(written: Pixels | None = None, slack: int = 0) -> Callable[[Path], None]:
    return lambda folder: check_slide(only_file(folder), tissue() if written is None else written, slack)


def _tiled(
    name: str,
    about: str,
    encode: Encode | Sequence[Encode],
    compression: int,
    photometric: str,
    slack: int = JPEG_SLACK,
    **tags: Any,
) -> Oddity:
    """A slide whose tiles are encoded as we say, and that has to be read right."""

    def write(folder: Path) -> None:
        write_tiles(folder / "slide.tif", tissue(), encode, compression, photometric, **tags)

    return Oddity(f"slides/{name}", about, write, _read(slack=slack))


def _plain(name: str, about: str, pixels: Any, refusal: str = "", **tags: Any) -> Oddity:
    """A slide whose samples are `pixels`; it has to be read as `tissue`, or refused."""
    return Oddity(
        f"slides/{name}", about, lambda folder: write_plain(folder / "slide.tif", pixels, **tags), _read(), refusal
    )


COLOURS = (
    _tiled(
        "unmarked-rgb", "JPEG tiles in RGB with the components and without the markers of YCbCr, as Aperio has them",
        jpeg("RGB", ids=b"\1\2\3", markers=False), JPEG, "rgb", description=_APERIO,
    ),
    _tiled(
        "jpeg-2000-33003-aperio", "JPEG 2000 in YCbCr, as Aperio has it, tagged RGB",
        jpeg_2000("YCBCR", transform=False), APERIO_JP2K_YCBCR, "rgb", 2, description=_APERIO,
    ),
)  # fmt: skip


def _planes() -> Pixels:
    return np.ascontiguousarray(tissue().transpose(2, 0, 1))


SAMPLES = (_plain("separate-planes", "each colour in tiles of its own", _planes(), planarconfig="separate"),)

SLIDES: tuple[Oddity, ...] = (*COLOURS, *SAMPLES)
