"""What the Kaggle competition wants scored: the images of `test/`, in the order of `sample_submission.csv`."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sentinode.core.csv_table import read_table
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.messages import plural
from sentinode.core.system_files import is_system_file

COLUMNS = ("id", "label")
"""Columns of `sample_submission.csv`, and of a submission."""

_SCHEME = "kaggle:"
_SAMPLE = "sample_submission.csv"
_TEST = "test"
_ENDING = ".tif"
_SHOWN = 5


@dataclass(frozen=True)
class CompetitionTest:
    """The images that a submission is about."""

    folder: Path
    """`test/`."""

    ids: tuple[str, ...]
    """Ids of the test images in the order of the submission, each once."""

    ordered_by: str
    """Where that order comes from: `sample_submission.csv`, or the file names of `test/`."""

    extra: tuple[str, ...]
    """Ids of files that no submission asks for, sorted."""

    def path(self, name: str) -> Path:
        """The file of an id."""
        return self.folder / f"{name}{_ENDING}"


def open_competition_test(address: str) -> CompetitionTest:
    """Find every image that is to be scored, without reading one.

    Args:
        address: `kaggle:DIR`, or the folder alone. It needs no `train/` and no `train_labels.csv`.

    Raises:
        DataNotFoundError: There is no such folder, no `test/` in it, or an image is missing; the message counts them.
        DataError: The address is of another layout, or `sample_submission.csv` is damaged or has an id twice.
    """
    root = Path(address.removeprefix(_SCHEME)).expanduser()
    if not root.is_dir():
        raise DataNotFoundError(f"there is no folder {str(root)!r}; give the competition's folder, as kaggle:DIR")
    folder = root / _TEST
    if not folder.is_dir():
        raise DataNotFoundError(f"{root} has no {_TEST}/; unpack the competition's test images there")
    files = _files(folder)
    if not files:
        raise DataNotFoundError(f"{folder} has no {_ENDING} file; unpack the competition's test images there")
    if not (root / _SAMPLE).is_file():
        return CompetitionTest(folder, tuple(files), f"the file names of {folder}", ())
    ids = _sample_ids(root / _SAMPLE)
    _check_complete(ids, set(files), folder)
    wanted = set(ids)
    return CompetitionTest(folder, ids, _SAMPLE, tuple(name for name in files if name not in wanted))


def listed(names: Sequence[str]) -> str:
    """The first few names, and how many there are beyond them."""
    more = f" and {len(names) - _SHOWN:,} more" if len(names) > _SHOWN else ""
    return ", ".join(names[:_SHOWN]) + more


def _files(folder: Path) -> list[str]:
    names = (os.path.splitext(entry.name) for entry in os.scandir(folder))  # noqa: PTH122 - 57,458 Paths take seconds
    return sorted(name for name, ending in names if ending == _ENDING and not is_system_file(name))


def _sample_ids(path: Path) -> tuple[str, ...]:
    lines: dict[str, int] = {}
    for row in read_table(path).rows(COLUMNS):
        if lines.setdefault(row.key("id"), row.line) != row.line:
            raise DataError(f"{path} has {row['id']!r} twice; get it from the competition again")
    return tuple(lines)


def _check_complete(ids: Sequence[str], files: set[str], folder: Path) -> None:
    missing = [name for name in ids if name not in files]
    if missing:
        raise DataNotFoundError(
            f"{len(missing):,} of the {plural(len(ids), 'image')} that {_SAMPLE} names are not in {folder}: "
            f"{listed(missing)}; "
            "unpack the competition's test images again"
        )
