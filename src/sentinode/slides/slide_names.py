"""Which slide a name means, in a table or of a file beside it: with or without suffix, in any case of letters."""

import re
from collections.abc import Iterable
from pathlib import PurePath

from sentinode.core.errors import DataError
from sentinode.slides.reader_table import SLIDE_SUFFIXES

_SUFFIXES = (*SLIDE_SUFFIXES, ".ome", ".zip")  # NAME.ome.tif; CAMELYON17's patients are NAME.zip


def bare_name(written: str) -> str:
    """A slide's name without folders and without the suffix of a slide file; a dot inside a name stays.

    Examples:
        >>> [bare_name(name) for name in ("slides/CASE-01.B1.tif", "CASE-01.B1", "a.ome.tif", "C:\\\\x\\\\b.SVS")]
        ['CASE-01.B1', 'CASE-01.B1', 'a', 'b']
    """
    name = re.split(r"[/\\]", written)[-1]
    while (path := PurePath(name)).suffix.lower() in _SUFFIXES:
        name = path.stem
    return name


class SlideNames:
    """Slides by their names, to be looked up as people write them."""

    def __init__(self, files: Iterable[str]) -> None:
        """`files` are the slides' file names; a slide's name is that without its suffix, as scans are named."""
        self._names = {file: PurePath(file).stem for file in files}
        self._known = set(self._names.values())
        self._alike: dict[str, list[str]] = {}
        for name in sorted(self._known):
            self._alike.setdefault(bare_name(name).casefold(), []).append(name)

    def find(self, written: str) -> str | None:
        """The slide's name; None where there is no such slide.

        What is written exactly so goes first: `a` and `A` may be two slides.

        Raises:
            DataError: Several slides are called so but for case or suffix, and none exactly.
        """
        name = re.split(r"[/\\]", written)[-1]
        if name in self._names:
            return self._names[name]
        for exact in (name, PurePath(name).stem if PurePath(name).suffix.lower() in SLIDE_SUFFIXES else name):
            if exact in self._known:
                return exact
        alike = self._alike.get(bare_name(name).casefold(), [])
        if len(alike) > 1:
            raise DataError(f"{written!r} may mean slide {' or '.join(alike)}; write the name in full")
        return alike[0] if alike else None
