"""Odd slides: colours that tag and tile disagree on, samples that are no 8-bit RGB, several pictures, sizes, bounds."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from PIL.ExifTags import Base

from sentinode.core.extras import require
from sentinode.slides.reader import Pixels
from sentinode.testing.oddities.oddity import Oddity
from sentinode.testing.oddities.pictures import HEIGHT, JPEG_SLACK, WIDTH, check_slide, only_file, tissue
from sentinode.testing.oddities.scn_file import write_scn
from sentinode.testing.oddities.tiff_files import (
    APERIO_JP2K_YCBCR,
    JP2K_LOSSY,
    JPEG,
    RESOLUTION,
    Encode,
    jpeg,
    jpeg_2000,
    write_plain,
    write_tiles,
)

tifffile = require("tifffile", extra="scan")

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
    _tiled("jfif-tagged-rgb", "JPEG tiles that are JFIF, tagged RGB", jpeg("YCBCR"), JPEG, "rgb"),
    _tiled(
        "adobe-rgb-tagged-ycbcr", "JPEG tiles that Adobe's marker calls RGB, tagged YCbCr",
        jpeg("RGB"), JPEG, "ycbcr",
    ),
    _tiled(
        "ids-rgb-tagged-ycbcr", "JPEG tiles with components R, G, B and no marker, tagged YCbCr",
        jpeg("RGB", markers=False), JPEG, "ycbcr",
    ),
    _tiled(
        "subsampled-tagged-rgb", "JPEG tiles with halved colours and no marker, tagged RGB",
        jpeg("YCBCR", "420", markers=False), JPEG, "rgb",
    ),
    _tiled(
        "tiles-of-two-kinds", "JPEG tiles in YCbCr and in RGB by turns, tagged RGB",
        [jpeg("YCBCR"), jpeg("RGB")], JPEG, "rgb",
    ),
    _tiled(
        "unmarked-rgb", "JPEG tiles in RGB with the components and without the markers of YCbCr, as Aperio has them",
        jpeg("RGB", ids=b"\1\2\3", markers=False), JPEG, "rgb", description=_APERIO,
    ),
    _tiled(
        "jpeg-2000-33003-rgb", "JPEG 2000 in RGB under Aperio's number for YCbCr, in a file that is not Aperio's",
        jpeg_2000("RGB"), APERIO_JP2K_YCBCR, "rgb", 0,
    ),
    _tiled(
        "jpeg-2000-33003-aperio", "JPEG 2000 in YCbCr, as Aperio has it, tagged RGB",
        jpeg_2000("YCBCR", transform=False), APERIO_JP2K_YCBCR, "rgb", 2, description=_APERIO,
    ),
    _tiled("jpeg-2000-33004", "JPEG 2000 under the number that QuPath writes", jpeg_2000("RGB"), JP2K_LOSSY, "rgb", 0),
    _tiled(
        "jpeg-2000-boxed", "JPEG 2000 whose boxes say RGB, tagged YCbCr",
        jpeg_2000("RGB", transform=False, box=True), JP2K_LOSSY, "ycbcr", 0,
    ),
)  # fmt: skip


def _planes() -> Pixels:
    return np.ascontiguousarray(tissue().transpose(2, 0, 1))


def _with_fourth(value: int) -> Pixels:
    return np.dstack([tissue(), np.full((HEIGHT, WIDTH), value, np.uint8)])


SAMPLES = (
    _plain(
        "sixteen-bit-twelve-used", "16 bits a sample of which 12 are used", tissue().astype(np.uint16) * 16,
        "16 bits a sample",
    ),
    _plain("grey", "one grey sample a pixel", tissue()[..., 1], "is grey", photometric="minisblack"),
    _plain(
        "cmyk", "four inks", _with_fourth(0), "4 samples a pixel of photometric interpretation 5",
        photometric="separated",
    ),
    _plain("separate-planes", "each colour in tiles of its own", _planes(), planarconfig="separate"),
    _plain(
        "empty-fourth-sample", "a fourth sample of zeros that nobody calls transparency", _with_fourth(0),
        extrasamples=["unspecified"],
    ),
    _plain("opaque", "a fourth sample that makes nothing transparent", _with_fourth(255), extrasamples=["unassalpha"]),
    _plain(
        "turned", "orientation 3", tissue()[::-1, ::-1], r"turned or mirrored \(orientation 3\)",
        extratags=[(274, 3, 1, 3, True)],
    ),
    _plain(
        "turned-in-strips", "orientation 6, in strips", np.rot90(tissue()), r"turned or mirrored \(orientation 6\)",
        extratags=[(274, 3, 1, 6, True)], tile=None, rowsperstrip=16,
    ),
    _plain("unknown-codec", "JPEG XR, which no reader here has", tissue(), "not support", compression="jpegxr"),
)  # fmt: skip


def _planes_a_page_each(folder: Path) -> None:
    with tifffile.TiffWriter(folder / "slide.ome.tif") as file:
        for plane in range(3):
            file.write(tissue()[..., plane], photometric="minisblack", tile=(64, 64), metadata=None)


def _image(name: str, about: str, refusal: str, orientation: int = 1, mode: str = "RGB") -> Oddity:
    """A slide that is a plain image."""

    def write(folder: Path) -> None:
        image = Image.fromarray(tissue()).convert(mode)
        exif = image.getexif()
        exif[Base.Orientation] = orientation
        image.save(folder / "slide.png", exif=exif)

    return Oddity(f"slides/{name}", about, write, _read(), refusal)


IMAGES = (
    _image("turned-image", "a PNG whose EXIF says that it is turned", r"turned or mirrored \(orientation 6\)", 6),
    _image("grey-image", "a PNG of one grey sample a pixel", "is grey", mode="L"),
)


def _two_pictures(folder: Path) -> None:
    with tifffile.TiffWriter(folder / "slide.tif") as file:
        for pixels in (np.full((70, 90, 3), 242, np.uint8), tissue()):
            file.write(pixels, photometric="rgb", tile=(64, 64), metadata=None, **RESOLUTION)


def _half_size_picture(folder: Path) -> None:
    with tifffile.TiffWriter(folder / "slide.tif") as file:
        for pixels in (tissue(), tissue()[::-2, ::2]):
            file.write(pixels, photometric="rgb", tile=(64, 64), metadata=None, **RESOLUTION)


def _unmarked_levels(folder: Path) -> None:
    with tifffile.TiffWriter(folder / "slide.tif") as file:
        for step in (1, 2, 4):
            pixels = tissue()[::step, ::step]
            file.write(pixels, photometric="rgb", tile=(64, 64), metadata=None, **RESOLUTION)


PIXEL_SIZES = (
    _plain(
        "one-pixel-a-cm", "a resolution of one pixel a centimetre, as programs write it that know none", tissue(),
        r"10000 µm/px.*not believed.*--mpp", resolution=(1, 1), resolutionunit="CENTIMETER",
    ),
    _plain(
        "metres-for-micrometres", "Aperio's MPP in metres", tissue(), r"5e-07 µm/px.*not believed.*--mpp",
        description=_APERIO.replace("0.5000", "0.0000005"),
    ),
    _plain(
        "screen-resolution", "72 dots an inch, the resolution of a screen", tissue(), "does not say its µm/px.*--mpp",
        resolution=(72, 72), resolutionunit="INCH",
    ),
)  # fmt: skip

PICTURES = (
    Oddity(
        "slides/planes-a-page-each", "each colour on a page of its own, as OME-TIFF allows it", _planes_a_page_each,
        _read(), "3 grey planes on pages of their own",
    ),
    Oddity(
        "slides/two-pictures", "glass first, then the slide", _two_pictures, _read(),
        r"holds 2 pictures \(0: 90×70 px, 1: 212×148 px\); choose one.*--series",
    ),
    Oddity(
        "slides/second-of-two-pictures", "the second of two pictures, asked for", _two_pictures,
        lambda folder: check_slide(only_file(folder), tissue(), series=1),
    ),
    Oddity(
        "slides/bounds", "a small scanned area on a large canvas", lambda folder: write_scn(
            folder / "slide.scn", tissue(), 1000, 2000
        ), _read(),
    ),
    Oddity(
        "slides/half-size-picture", "a second picture of half the size that shows something else",
        _half_size_picture, _read(), r"holds 2 pictures \(0: 212×148 px, 1: 106×74 px\)",
    ),
    Oddity("slides/unmarked-levels", "levels that no tag calls reduced", _unmarked_levels, _read()),
)  # fmt: skip

SLIDES: tuple[Oddity, ...] = (*COLOURS, *SAMPLES, *IMAGES, *PIXEL_SIZES, *PICTURES)
