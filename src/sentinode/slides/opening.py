"""Opening a slide: the reader that suits the file."""

from pathlib import Path
from typing import Literal, get_args

from sentinode.core.errors import SlideError, SlideNotFoundError, UnsupportedSlideError
from sentinode.slides.reader import Reader
from sentinode.slides.slide import Slide

ReaderName = Literal["auto", "openslide", "tiff", "image"]

DEFAULT_CACHE_BYTES = 256 << 20
"""Decoded tiles kept by a reader: two rows of 256-px tiles of a slide that is 160,000 px wide."""

SLIDE_SUFFIXES = frozenset(
    {".tif", ".tiff", ".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide", ".dcm"}
)
"""File name endings, in lower case, that are taken for slides when a folder is searched."""


def open_slide(
    path: Path, *, reader: ReaderName = "auto", mpp: float | None = None, cache_bytes: int = DEFAULT_CACHE_BYTES
) -> Slide:
    """Open the slide at `path`.

    Args:
        path: The slide's file.
        reader: "tiff": our reader of tiled TIFF and SVS; "openslide"; "image": a plain image, held in memory;
            "auto": the first of these, in this order, that reads the file.
        mpp: µm/px of level 0, in place of what the file says.
        cache_bytes: Bound on the decoded tiles that the reader keeps.

    Raises:
        SlideNotFoundError: There is no such file.
        SlideError: No reader, or not the one asked for, opens it.
        MissingExtraError: The `slides` extra is not installed.
    """
    if reader not in get_args(ReaderName):
        raise SlideError(f"there is no reader {reader!r}; choose one of {', '.join(get_args(ReaderName))}")
    if not path.is_file():
        raise SlideNotFoundError(f"{path} is not a file; check the path")
    if not path.stat().st_size:
        raise SlideError(f"{path} is empty; copy the file again")
    if mpp is not None and not mpp > 0:
        raise SlideError(f"{mpp!r} µm/px was given for {path}; give a positive number")
    if reader != "auto":
        return Slide(_open(path, reader, cache_bytes), mpp)
    refusals = []
    for name in ("tiff", "openslide", "image"):
        try:
            return Slide(_open(path, name, cache_bytes), mpp)
        except UnsupportedSlideError as error:
            refusals.append(str(error).removeprefix(f"{path}: "))
    raise UnsupportedSlideError(
        f"{path}: no reader opens it ({'; '.join(refusals)}); check that it is a whole slide file"
    )


def _open(path: Path, name: str, cache_bytes: int) -> Reader:
    if name == "tiff":
        from sentinode.slides.tiff.reader import TiffReader

        return TiffReader(path, cache_bytes)
    if name == "openslide":
        from sentinode.slides.openslide_reader import OpenSlideReader

        return OpenSlideReader(path, cache_bytes)
    from sentinode.slides.image_reader import ImageReader

    return ImageReader(path)
