"""Slide files named one by one or by their folder."""

from collections.abc import Iterable
from pathlib import Path

from sentinode.core.errors import SlideError, SlideNotFoundError
from sentinode.core.system_files import is_system_file
from sentinode.slides.reader_table import SLIDE_SUFFIXES


def list_slides(paths: Iterable[Path]) -> list[Path]:
    """The slide files that `paths` stand for, in their order, each once.

    A file is taken whatever its ending; a folder stands for the slides in it (not below it: an MRXS slide keeps its
    data in a folder of its own), sorted by name. Hidden files are no slides: macOS leaves one (._NAME) for each file
    that it copies. A link that leads nowhere is listed, so that opening it says so, and nobody misses the slide.

    Raises:
        SlideNotFoundError: A path does not exist, or a folder holds no slide.
        SlideError: Two slides have one name: results are named by it, and one would replace the other. Or a name
            can't be one of a result: it begins with a dot, or is not UTF-8.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            if not path.is_file():
                leads = f", but a link to {path.readlink()}, which is not there" if path.is_symlink() else ""
                raise SlideNotFoundError(f"{path} is not a file or a folder{leads}; check the path")
            found[path] = None
            continue
        slides = sorted(file for file in path.iterdir() if _is_slide(file))
        if not slides:
            endings = ", ".join(sorted(SLIDE_SUFFIXES))
            raise SlideNotFoundError(f"{path} holds no slide (none of {endings}); check the path")
        found.update(dict.fromkeys(slides))
    by_name: dict[str, Path] = {}
    for path in found:
        _check_name(path)
        if path.stem in by_name:
            raise SlideError(f"{by_name[path.stem]} and {path} have the same name; rename one, or run them apart")
        by_name[path.stem] = path
    return list(found)


def _is_slide(file: Path) -> bool:
    return file.suffix.lower() in SLIDE_SUFFIXES and not is_system_file(file.name) and not file.is_dir()


def _check_name(path: Path) -> None:
    if path.name.startswith("."):
        raise SlideError(f"{path} is a hidden file, and so would its results be; rename it")
    try:
        path.name.encode()
    except UnicodeEncodeError as error:  # a name from another system, which no result could be written under
        raise SlideError(f"{str(path)!r} has a name that is not UTF-8; rename it") from error
