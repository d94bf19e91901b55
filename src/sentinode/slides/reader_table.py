"""The readers that there are, and the one that suits a file."""

from pathlib import Path
from typing import Literal, get_args

from sentinode.core.errors import SlideError, UnsupportedSlideError
from sentinode.slides.reader import Reader

ReaderName = Literal["auto", "openslide", "tiff", "image"]

DEFAULT_CACHE_BYTES = 256 << 20
"""Decoded tiles kept by a reader: two rows of 256-px tiles of a slide that is 160,000 px wide."""

SLIDE_SUFFIXES = frozenset(
    {".tif", ".tiff", ".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide", ".dcm"}
)
"""File name endings, in lower case, that are taken for slides when a folder is searched."""


def open_reader(path: Path, name: ReaderName, cache_bytes: int) -> Reader:
    """Open the slide at `path` by the reader `name`; see `slides.slide.open_slide`."""
    if name not in get_args(ReaderName):
        raise SlideError(f"there is no reader {name!r}; choose one of {', '.join(get_args(ReaderName))}")
    if name != "auto":
        return _open(path, name, cache_bytes)
    refusals = []
    for tried in ("tiff", "openslide", "image"):
        try:
            return _open(path, tried, cache_bytes)
        except UnsupportedSlideError as error:
            refusals.append(str(error).removeprefix(f"{path}: "))
    raise UnsupportedSlideError(
        f"{path}: no reader opens it ({'; '.join(refusals)}); check that it is a whole slide file"
    )


def _open(path: Path, name: str, cache_bytes: int) -> Reader:
    if name == "tiff":
        from sentinode.slides.tiff.tiff_reader import TiffReader

        return TiffReader(path, cache_bytes)
    if name == "openslide":
        from sentinode.slides.openslide_reader import OpenSlideReader

        return OpenSlideReader(path, cache_bytes)
    from sentinode.slides.image_reader import ImageReader

    return ImageReader(path)
