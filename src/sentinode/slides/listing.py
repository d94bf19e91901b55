"""Slide files named one by one or by their folder."""

from collections.abc import Iterable
from pathlib import Path

from sentinode.core.errors import SlideError, SlideNotFoundError
from sentinode.slides.opening import SLIDE_SUFFIXES


def list_slides(paths: Iterable[Path]) -> list[Path]:
    """The slide files that `paths` stand for, in their order, each once.

    A file is taken whatever its ending; a folder stands for the slides in it (not below it: an MRXS slide keeps its
    data in a folder of its own), sorted by name.

    Raises:
        SlideNotFoundError: A path does not exist, or a folder holds no slide.
        SlideError: Two slides have one name: results are named by it, and one would replace the other.
    """
    found: dict[Path, None] = {}
    for path in paths:
        if not path.is_dir():
            if not path.is_file():
                raise SlideNotFoundError(f"{path} is not a file or a folder; check the path")
            found[path] = None
            continue
        slides = sorted(file for file in path.iterdir() if file.suffix.lower() in SLIDE_SUFFIXES and file.is_file())
        if not slides:
            endings = ", ".join(sorted(SLIDE_SUFFIXES))
            raise SlideNotFoundError(f"{path} holds no slide (none of {endings}); check the path")
        found.update(dict.fromkeys(slides))
    by_name: dict[str, Path] = {}
    for path in found:
        if path.stem in by_name:
            raise SlideError(f"{by_name[path.stem]} and {path} have the same name; rename one, or run them apart")
        by_name[path.stem] = path
    return list(found)
