"""Whether a scan is of the file that bears the slide's name now: a heatmap over another slide looks right."""

from collections import OrderedDict
from pathlib import Path

from sentinode.core.errors import DataError
from sentinode.scanning.file_ends import sha256_of_ends
from sentinode.scanning.scan_folder import read_record
from sentinode.scanning.scan_record import TILES_FILE
from sentinode.serving.problems import Problem
from sentinode.serving.slides.known_slide import KnownSlide
from sentinode.store.tables import ScanRow

_KEPT = 10_000


class ScannedFiles:
    """Holds scans against files; what was found is kept until the file changes."""

    def __init__(self, folder: Path) -> None:
        """`folder`: of all scans."""
        self._folder = folder
        self._found: OrderedDict[tuple[str, str], bool] = OrderedDict()

    def same(self, row: ScanRow, slide: KnownSlide) -> bool:
        """Whether a finished scan is of the slide's file as it is now; True of one that is not finished."""
        if row.status != "finished":
            return True
        key = (row.id, slide.version)
        found = self._found.get(key)
        if found is None:
            try:
                found = _compared(self._folder / row.folder, slide.path)
            except (DataError, OSError):  # not kept: a disk that is away comes back
                return False
            self._found[key] = found
            while len(self._found) > _KEPT:
                self._found.popitem(last=False)
        return found

    def check(self, row: ScanRow, slide: KnownSlide | None) -> None:
        """Refuse what would go on with a scan of another file.

        Raises:
            Problem: 409.
        """
        if slide is not None and not self.same(row, slide):
            other = f"{slide.path.name} is another file than the one that was scanned"
            raise Problem(409, f"{other}; scan it again, or copy that one back")


def _compared(folder: Path, path: Path) -> bool:
    there, record = path.stat(), read_record(folder)
    if record.status != "finished" or there.st_size != record.slide.bytes:
        return False
    # A file that has not come or changed since then need not be read: a move or copy counts as coming. The record may
    # be written anew later, the tiles are not.
    if there.st_ctime_ns <= (folder / TILES_FILE).stat().st_mtime_ns:
        return True
    return sha256_of_ends(path) == record.slide.sha256_of_ends
