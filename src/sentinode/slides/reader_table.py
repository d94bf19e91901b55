"""The readers that there are, ours and those that other packages bring, and the one that suits a file."""

from collections.abc import Callable, Iterator
from importlib import import_module
from pathlib import Path

from sentinode.core.errors import SlideError, UnsupportedSlideError
from sentinode.core.plugins import find_plugin, plugins
from sentinode.slides.reader import Reader
from sentinode.slides.tiff.tiff_reader import TiffReader
from sentinode.slides.tiff.tiff_refusals import refuse_misread

OpenReader = Callable[[Path, int], Reader]
"""A reader's class: called with the slide's path and the bytes of decoded tiles that it may keep. It raises
`UnsupportedSlideError` for a file that another reader must take."""

AUTO = "auto"
"""The first reader of the table that takes the file."""
TIFF = "tiff"
"""Our own, which can tell pictures of one file apart."""

READERS = {
    TIFF: "sentinode.slides.tiff.tiff_reader:TiffReader",
    "openslide": "sentinode.slides.openslide_reader:OpenSlideReader",
    "image": "sentinode.slides.image_reader:ImageReader",
}
"""Readers in the order in which they are tried; those of other packages (entry points `sentinode.readers`) follow."""

DEFAULT_CACHE_BYTES = 256 << 20
"""Decoded tiles kept by a reader: two rows of 256-px tiles of a slide that is 160,000 px wide."""

SLIDE_SUFFIXES = frozenset(
    {".tif", ".tiff", ".svs", ".ndpi", ".mrxs", ".scn", ".bif", ".vms", ".vmu", ".svslide", ".dcm"}
)
"""File name endings, in lower case, that are taken for slides when a folder is searched."""


def reader_names() -> Iterator[str]:
    """The names of all readers, in the order in which they are tried; other packages are asked after ours only."""
    yield from READERS
    yield from (plugin.name for plugin in plugins("reader") if plugin.name not in READERS)


def check_reader(name: str) -> str:
    """`name`, where there is such a reader or it is "auto".

    Raises:
        SlideError: There is none.
    """
    if name == AUTO or name in reader_names():
        return name
    raise SlideError(f"there is no reader {name!r}; choose one of {', '.join((AUTO, *reader_names()))}")


def open_reader(
    path: Path, name: str = AUTO, cache_bytes: int = DEFAULT_CACHE_BYTES, series: int | None = None
) -> Reader:
    """Open the file at `path` by the reader `name`, or by the first that takes it.

    Args:
        path: The slide.
        name: Of a reader, or "auto".
        cache_bytes: Of decoded tiles that it may keep.
        series: Which of several pictures in a TIFF; None: the only one.

    Raises:
        SlideError: There is no such reader, the file is damaged, or it would be shown wrongly (see
            `tiff.tiff_refusals`).
        UnsupportedSlideError: It does not take the file, or none does.
        MissingExtraError: The `scan` extra is not installed.
        PluginError: A reader of another package can't be loaded.
    """
    names = reader_names() if check_reader(name) == AUTO else [name]
    refusals = []
    for each in names:
        try:
            if each in READERS:
                refuse_misread(path, series, by_tag=each != TIFF)
            return _opened(path, each, cache_bytes, series)
        except UnsupportedSlideError as error:
            if name != AUTO:
                raise
            refusals.append(str(error).removeprefix(f"{path}: "))
    raise UnsupportedSlideError(
        f"{path}: no reader opens it ({'; '.join(refusals)}); check that it is a whole slide file"
    )


def _opened(path: Path, name: str, cache_bytes: int, series: int | None) -> Reader:
    if name not in READERS:
        plugin = find_plugin("reader", name)
        assert plugin is not None, name
        opener: OpenReader = plugin.load()
    else:
        module, _, attribute = READERS[name].partition(":")
        opener = getattr(import_module(module), attribute)
    if series is None:
        return opener(path, cache_bytes)
    if name != TIFF:
        raise UnsupportedSlideError(f"{path}: the reader {name} knows no single pictures of a file")
    return TiffReader(path, cache_bytes, series)
