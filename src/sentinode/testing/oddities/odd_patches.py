"""Odd patches: colours that tag and pixels disagree on, samples that are not 8-bit RGB."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.core.images import read_image
from sentinode.slides.reader import Pixels
from sentinode.testing.oddities.oddity import Oddity
from sentinode.testing.oddities.pictures import JPEG_SLACK, check_pixels, only_file, tissue
from sentinode.testing.oddities.tiff_files import JPEG, Encode, jpeg, write_plain, write_tiles

_SIDE = 96


def _read(slack: int = 0) -> Callable[[Path], None]:
    return lambda folder: check_pixels(read_image(only_file(folder)), tissue(_SIDE, _SIDE), slack)


def _plain(name: str, about: str, pixels: Any, refusal: str = "", **tags: Any) -> Oddity:
    return Oddity(
        f"patches/{name}", about, lambda folder: write_plain(folder / "patch.tif", pixels, **tags), _read(), refusal
    )


def _tiled(name: str, about: str, encode: Encode, photometric: str) -> Oddity:
    def write(folder: Path) -> None:
        write_tiles(folder / "patch.tif", tissue(_SIDE, _SIDE), encode, JPEG, photometric)

    return Oddity(f"patches/{name}", about, write, _read(JPEG_SLACK))


_PATCH = tissue(_SIDE, _SIDE)


def _with_fourth(value: int) -> Pixels:
    return np.dstack([_PATCH, np.full(_PATCH.shape[:2], value, np.uint8)])


_PALETTE = np.random.default_rng(4).integers(0, 256, (3, 256), np.uint16) * 257


def _indexed(name: str, about: str) -> Oddity:
    """A patch whose pixels are places in a table of colours."""
    indices = _PATCH[..., 1]
    colours = (_PALETTE // 257).T.astype(np.uint8)[indices]

    def write(folder: Path) -> None:
        write_plain(folder / "patch.tif", indices, photometric="palette", colormap=_PALETTE)

    return Oddity(f"patches/{name}", about, write, lambda folder: check_pixels(read_image(only_file(folder)), colours))


PATCHES: tuple[Oddity, ...] = (
    _tiled("jfif-tagged-rgb", "JPEG that is JFIF, tagged RGB", jpeg("YCBCR"), "rgb"),
    _tiled("adobe-rgb-tagged-ycbcr", "JPEG that Adobe's marker calls RGB, tagged YCbCr", jpeg("RGB"), "ycbcr"),
    _tiled(
        "subsampled-tagged-rgb", "JPEG with halved colours and no marker, tagged RGB",
        jpeg("YCBCR", "420", markers=False), "rgb",
    ),
    _plain("sixteen-bit", "16 bits a sample", _PATCH.astype(np.uint16) * 16, "16 bits a channel"),
    _plain(
        "empty-fourth-sample", "a fourth sample of zeros that nobody calls transparency", _with_fourth(0),
        extrasamples=["unspecified"],
    ),
    _plain(
        "transparent", "a fourth sample that makes all of it transparent", _with_fourth(0), "partly transparent",
        extrasamples=["unassalpha"],
    ),
    _plain("opaque", "a fourth sample that makes nothing transparent", _with_fourth(255), extrasamples=["unassalpha"]),
    _plain("unknown-codec", "JPEG XR, which no reader here has", _PATCH, "not supported", compression="jpegxr"),
    _indexed("palette", "places in a table of colours"),
)  # fmt: skip
