"""TIFF files that one of the readers would open and show wrongly: refused by name, before any of them is asked."""

from collections.abc import Sequence
from pathlib import Path

from sentinode.core.errors import SlideError, UnsupportedSlideError
from sentinode.core.jpeg_colours import jpeg_colours
from sentinode.slides.tiff.directories import Directory, TiffDirectories
from sentinode.slides.tiff.tiff_pictures import chosen_picture, is_aperio, pictures_in
from sentinode.slides.tiff.tiff_tags import (
    BITS,
    BLACK_IS_ZERO,
    COMPRESSION,
    DESCRIPTION,
    EXTRA_SAMPLES,
    HEIGHT,
    NDPI,
    ORIENTATION,
    PALETTE,
    PHOTOMETRIC,
    SAMPLES,
    SOFTWARE,
    TILE_BYTES,
    TILE_HEIGHT,
    TILE_OFFSETS,
    TILE_WIDTH,
    TOP_LEFT,
    UNSPECIFIED,
    WHITE_IS_ZERO,
    WIDTH,
    XMP,
)
from sentinode.slides.tiff.tile_codec import JPEG, RGB, YCBCR

_TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_COLOURS = {PALETTE: 1, RGB: 3, YCBCR: 3}
"""Photometric interpretations that become RGB with nothing made up → their samples a pixel."""
_HEAD_BYTES = 1 << 16  # more than any JPEG header but those with a colour profile, which comes after the markers
_MOST_TILE_PIXELS = 1 << 24
"""48 MB decoded, tiles of 4096 px."""
_SAVE = "save it as 8-bit RGB"


def other_vendor(path: Path, first: Directory) -> str | None:
    """Who wrote a tiled TIFF with a structure of its own, that OpenSlide knows; None: nobody known.

    Their tiles overlap, levels are padded, or there are several areas.
    """
    description, software = first.text(DESCRIPTION), first.text(SOFTWARE)
    signs = {
        "Hamamatsu": NDPI in first or path.suffix.lower() == ".ndpi",
        "Leica": "leica-microsystems.com/scn" in description,
        "Philips": software.startswith("Philips"),
        "Trestle": software.startswith("MedScan"),
        "Ventana": b"iScan" in first.array(XMP).tobytes(),
    }
    return next((vendor for vendor, found in signs.items() if found), None)


def refuse_misread(path: Path, series: int | None, *, by_tag: bool) -> None:
    """Refuse a file that would be shown wrongly; any file that is no TIFF, or a vendor's own, passes.

    Args:
        path: The slide.
        series: Which of several pictures is meant.
        by_tag: For a reader that goes by the tags alone, as OpenSlide does.

    Raises:
        SlideError: Its samples are not 8-bit colours, it is turned, it holds several pictures; or its tags are wrong
            and the reader believes them.
    """
    with path.open("rb") as stream:
        if stream.read(4) not in _TIFF_STARTS or path.suffix.lower() == ".ndpi":  # whose offsets are of another kind
            return
    with TiffDirectories(path) as file:
        _refuse_large_tiles(path, file)
        if other_vendor(path, file.chain[0]):
            return
        planes = _planes(file)
        if planes > 1:
            raise SlideError(f"{path} has its colours as {planes} grey planes on pages of their own; {_SAVE}")
        found = pictures_in(file)
        first = chosen_picture(path, found, series).directories[0] if found else file.chain[0]
        _refuse_samples(path, first)
        if by_tag and found:
            _refuse_wrong_tags(path, file, first)


def _refuse_large_tiles(path: Path, file: TiffDirectories) -> None:
    # Every reader decodes a tile as a whole.
    for directory in file.chain:
        width, height = directory.number_of(TILE_WIDTH, 0), directory.number_of(TILE_HEIGHT, 0)
        if width * height > _MOST_TILE_PIXELS:
            message = f"{path} has tiles of {width:,}×{height:,} px, which would be decoded as a whole"
            raise SlideError(f"{message}; save it with tiles of 256 or 512 px")


def _planes(file: TiffDirectories) -> int:
    """How many grey pages of the first one's size there are: one for each colour, as OME-TIFF allows it."""
    first = file.chain[0]
    if first.number_of(SAMPLES, 1) != 1 or first.number_of(PHOTOMETRIC, BLACK_IS_ZERO) == PALETTE:
        return 1
    size = (first.number_of(WIDTH, 0), first.number_of(HEIGHT, 0))
    return sum(
        page.number_of(SAMPLES, 1) == 1 and (page.number_of(WIDTH, 0), page.number_of(HEIGHT, 0)) == size
        for page in file.chain
    )


def _refuse_samples(path: Path, directory: Directory) -> None:
    samples, photometric = directory.number_of(SAMPLES, 1), directory.number_of(PHOTOMETRIC, -1)
    bits = set(directory.whole_numbers(BITS).tolist()) or {1}
    turned = directory.number_of(ORIENTATION, TOP_LEFT)
    expected = _COLOURS.get(photometric)
    if bits != {8} and not (bits == {1} and samples == 1):
        raise SlideError(f"{path} has {max(bits)} bits a sample, whose range is not known; {_SAVE}")
    if photometric in {WHITE_IS_ZERO, BLACK_IS_ZERO}:
        raise SlideError(f"{path} is grey, and stains can't be told apart; {_SAVE} from the original")
    if expected is None or samples not in {expected, expected + 1}:
        message = f"{path} has {samples} samples a pixel of photometric interpretation {photometric}"
        raise SlideError(f"{message}, which is no RGB; {_SAVE}")
    if turned != TOP_LEFT:
        message = f"{path} says that it is turned or mirrored (orientation {turned})"
        raise SlideError(f"{message}; save it turned, with orientation 1")


def _refuse_wrong_tags(path: Path, file: TiffDirectories, first: Directory) -> None:
    remedy = "read it with the reader tiff"
    if is_unspecified(first):
        raise SlideError(f"{path} has a fourth sample that OpenSlide takes for transparency; {remedy}")
    if first.number_of(COMPRESSION, 1) != JPEG or first.number_of(SAMPLES, 1) != 3:
        return
    tag = "RGB" if first.number_of(PHOTOMETRIC, -1) == RGB else "YCBCR"
    for header in _heads(file, first):
        found = jpeg_colours(header)
        holds = found.stated or ("YCBCR" if found.subsampled and not is_aperio(file.chain[0]) else tag)
        if holds != tag:
            raise SlideError(f"{path} is tagged {tag} and its tiles hold {holds}, which OpenSlide mistakes; {remedy}")


def _heads(file: TiffDirectories, directory: Directory) -> Sequence[bytes]:
    """The beginnings of some tiles, spread over the picture."""
    offsets, sizes = (directory.whole_numbers(tag) for tag in (TILE_OFFSETS, TILE_BYTES))
    there = [(int(offset), int(size)) for offset, size in zip(offsets, sizes, strict=False) if size]
    some = there[:: max(1, len(there) // 16)]
    return [file.bytes_at(offset, min(size, _HEAD_BYTES)) for offset, size in some if offset + size <= file.size]


def is_unspecified(directory: Directory) -> bool:
    """Whether a directory has a fourth sample of which nobody says that it is transparency."""
    extra = directory.whole_numbers(EXTRA_SAMPLES)
    return directory.number_of(SAMPLES, 1) == 4 and (not extra.size or int(extra[0]) == UNSPECIFIED)


def refuse_other_vendor(path: Path, first: Directory) -> None:
    """Leave a vendor's own structure to OpenSlide.

    Raises:
        UnsupportedSlideError: See `other_vendor`.
    """
    vendor = other_vendor(path, first)
    if vendor:
        raise UnsupportedSlideError(f"{path}: a TIFF as {vendor} writes it, with a structure of its own")
