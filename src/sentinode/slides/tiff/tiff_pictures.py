"""Which pictures a TIFF file holds: those that a person would call a slide each, every one with its levels."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from sentinode.core.errors import SlideError
from sentinode.core.messages import plural
from sentinode.slides.tiff.directories import SUB_IFDS, Directory, TiffDirectories
from sentinode.slides.tiff.page_likeness import shows_the_same
from sentinode.slides.tiff.tiff_tags import (
    DESCRIPTION,
    HEIGHT,
    MASK,
    OLD_SUBFILE_TYPE,
    REDUCED,
    SUBFILE_TYPE,
    TILE_OFFSETS,
    WIDTH,
)

SERIES_REMEDY = "choose one with --series (scan, slide show), or save it as a file of its own"
_OLD_REDUCED = 2  # TIFF 5.0's own tag, which some writers still have
_OME_IMAGE = re.compile(r"<(?:\w+:)?Image\b[^>]*?\bName=\"([^\"]*)\".*?</(?:\w+:)?Image>", re.DOTALL)
_OME_DIRECTORY = re.compile(r"<(?:\w+:)?TiffData\b[^>]*?\bIFD=\"(\d+)\"")
_MOST_PICTURES = 64
"""Pages that are to be compared with each other; a stack of more is no slide."""
_BESIDE = re.compile(r"label|macro|thumbnail|overview", re.IGNORECASE)
"""What Bio-Formats calls the images beside a slide in an OME-TIFF, where they are tiled, too."""


@dataclass(frozen=True)
class Picture:
    """One picture: its full size first, then its reduced copies in the order of the file."""

    directories: list[Directory] = field(default_factory=list)

    @property
    def size(self) -> tuple[int, int]:
        """Width and height in pixels."""
        return _size(self.directories[0])


def is_aperio(first: Directory) -> bool:
    """Whether Aperio's scanners or ImageScope wrote the file."""
    return first.text(DESCRIPTION).startswith("Aperio")


def pictures_in(file: TiffDirectories) -> list[Picture]:
    """The tiled pictures of a file, in its order.

    In Aperio's files every tiled directory is a level of the one picture. In others a picture is a directory that is
    not marked as reduced; reduced ones (OpenSlide's generic TIFF) and SubIFDs (OME-TIFF) are its levels. A page that
    shows what another one shows, at a half, a quarter … of its sides, is a level that nobody marked; it is not used.
    Pages that OME's description calls label, macro or thumbnail stand beside the slide.

    Raises:
        SlideError: There are more than `_MOST_PICTURES`.
    """
    tiled = [directory for directory in file.chain if TILE_OFFSETS in directory]
    if is_aperio(file.chain[0]):
        return [Picture(tiled)] if tiled else []
    beside = _beside(file.chain[0].text(DESCRIPTION))
    found: list[Picture] = []
    shown: list[list[Directory]] = []  # of each picture the pages that show it, marked or not, smallest last
    for directory in tiled:
        if directory.number in beside or directory.number_of(SUBFILE_TYPE, 0) & MASK:
            continue
        if is_reduced(directory):
            _owner(found, directory).directories.append(directory)
        elif len(found) == _MOST_PICTURES:
            raise SlideError(
                f"{file.path} holds more than {_MOST_PICTURES} pictures; save the slide as a file of its own"
            )
        elif not any(_is_copy(file, directory, pages) for pages in shown):
            found.append(Picture([directory, *_sub_levels(file, directory)]))
            shown.append([directory])
    return found


def chosen_picture(path: Path, found: Sequence[Picture], series: int | None) -> Picture:
    """The only picture, or the one that was asked for.

    Raises:
        SlideError: There are several and none was chosen, or not this one; the message lists them.
    """
    if series is None and len(found) == 1:
        return found[0]
    listed = ", ".join(f"{number}: {one.size[0]}×{one.size[1]} px" for number, one in enumerate(found))
    if series is None:
        raise SlideError(f"{path} holds {plural(len(found), 'picture')} ({listed}); {SERIES_REMEDY}")
    if not 0 <= series < len(found):
        raise SlideError(f"{path} has no picture {series}; it has {listed}: give --series one of these numbers")
    return found[series]


def is_reduced(directory: Directory) -> bool:
    """Whether a directory says that it is a smaller copy of another."""
    old = directory.number_of(OLD_SUBFILE_TYPE, 0) == _OLD_REDUCED
    return old or bool(directory.number_of(SUBFILE_TYPE, 0) & REDUCED)


def _owner(found: list[Picture], reduced: Directory) -> Picture:
    """The picture that a reduced copy is of: the last one of its shape, or else the last one."""
    if not found:
        found.append(Picture())
        return found[0]
    return next((one for one in reversed(found) if _has_shape(reduced, one.directories[0])), found[-1])


def _sub_levels(file: TiffDirectories, directory: Directory) -> list[Directory]:
    if SUB_IFDS not in directory:
        return []
    return [level for level in file.sub_directories(directory) if TILE_OFFSETS in level]


def _size(directory: Directory) -> tuple[int, int]:
    return directory.number_of(WIDTH, 0), directory.number_of(HEIGHT, 0)


def _has_shape(small: Directory, large: Directory) -> bool:
    """Whether the sides have one ratio, but for rounding to whole pixels at each halving."""
    (width, height), (full_width, full_height) = _size(small), _size(large)
    return abs(width * full_height - height * full_width) <= 2 * max(full_width, full_height)


def _is_copy(file: TiffDirectories, small: Directory, shown: list[Directory]) -> bool:
    """Whether a page is another reduced copy of what `shown` show; if so it joins them."""
    larger = [page for page in shown if _is_halved(small, page)]
    if not larger or small.number is None:
        return False
    nearest = min(larger, key=lambda page: page.number_of(WIDTH, 0))  # the least to be reduced between them
    same = nearest.number is not None and shows_the_same(file.path, nearest.number, small.number)
    if same:
        shown.append(small)
    return same


def _is_halved(small: Directory, large: Directory) -> bool:
    (width, height), (full_width, full_height) = _size(small), _size(large)
    halvings = range(1, max(full_width, full_height).bit_length())
    near = (
        abs((full_width >> by) - width) <= 1 and abs((full_height >> by) - height) <= 1 for by in halvings
    )  # rounded up or down at each
    return min(width, height) > 0 and any(near)


def _beside(description: str) -> set[int]:
    """Numbers of the directories that OME's description names as something beside the slide."""
    if "<OME" not in description:
        return set()
    named = ((image[1], _OME_DIRECTORY.search(image[0])) for image in _OME_IMAGE.finditer(description))
    return {int(place[1]) for name, place in named if place and _BESIDE.search(name)}
