"""A folder of annotation files: which belongs to which slide, and which to none."""

from collections.abc import Iterable, Sequence
from pathlib import Path

from sentinode.core.errors import AnnotationError, DataNotFoundError
from sentinode.core.images import IMAGE_SUFFIXES
from sentinode.core.system_files import is_system_file
from sentinode.slides.reader_table import SLIDE_SUFFIXES
from sentinode.slides.slide_names import SlideNames, bare_name

SUFFIXES = (".xml", ".geojson", ".json")
"""What an annotation file beside a slide may end in, in any case of letters."""

_OTHERS = frozenset({*SLIDE_SUFFIXES, *IMAGE_SUFFIXES, ".csv"})  # what may lie beside annotations and is none
_SHOWN = 10


class AnnotationFolder:
    """The annotation files of a folder, by slide: NAME.xml, NAME.geojson or NAME.json.

    NAME is the slide's name with or without its suffix; the case of letters counts only between two slides that differ
    in it alone.
    """

    def __init__(self, path: Path, slides: SlideNames) -> None:
        """Look at the names in a folder.

        Raises:
            DataNotFoundError: There is no such folder.
            DataError: A file's name may mean several slides.
        """
        if not path.is_dir():
            raise DataNotFoundError(f"{path} is not a folder of annotations; check the path")
        self.path = path
        self._files: dict[str, list[Path]] = {}
        unused = []
        for entry in sorted(path.iterdir()):
            if is_system_file(entry.name) or (entry.suffix.lower() in _OTHERS and not entry.is_dir()):
                continue
            slide = slides.find(entry.name if entry.is_dir() else entry.stem)
            if slide is not None and entry.suffix.lower() in SUFFIXES and entry.is_file():
                self._files.setdefault(slide, []).append(entry)
            elif slide is None or not entry.is_dir():  # MRXS keeps a slide's data in a folder of its name
                unused.append(entry)
        exact = {slide: [file for file in files if _names(file, slide)] for slide, files in self._files.items()}
        unused += [
            file for slide, files in self._files.items() if exact[slide] for file in files if not _names(file, slide)
        ]
        self._files.update({slide: files for slide, files in exact.items() if files})
        self.unused = tuple(sorted(unused))
        """Files that belong to no slide or are of another form, and folders, which are not looked into."""

    def of(self, slide_name: str) -> Path | None:
        """The annotation file of a slide; None where there is none.

        Raises:
            AnnotationError: There are several, and which is meant is not known.
        """
        found = self._files.get(slide_name, [])
        if len(found) > 1:
            names = ", ".join(path.name for path in found)
            raise AnnotationError(f"{self.path} has {names} for one slide; keep the one that is meant")
        return found[0] if found else None


def files_of(folders: Sequence[AnnotationFolder], slide_name: str) -> tuple[Path, ...]:
    """The files of a slide in several folders, each once.

    Raises:
        AnnotationError: A folder has several for the slide.
    """
    found = {path.resolve(): path for folder in folders if (path := folder.of(slide_name)) is not None}
    return tuple(found.values())


def unused_note(names: Iterable[str]) -> str | None:
    """A line that names what belonged to no slide; None where there is nothing."""
    listed = list(names)
    if not listed:
        return None
    more = f" and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return f"not used, because no slide has that name, or the form is not known: {', '.join(listed[:_SHOWN])}{more}"


def _names(file: Path, slide: str) -> bool:
    return bare_name(file.stem) == bare_name(slide)
