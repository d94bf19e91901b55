"""A source whose images are files, one each. The layouts differ only in where labels come from."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from sentinode.core.files import sha256_of_json
from sentinode.core.images import IMAGE_SUFFIXES, read_image
from sentinode.core.system_files import is_system_file
from sentinode.data.source import Exclusion, Record


@dataclass(frozen=True)
class FileSource:
    """Labelled image files; implements `sentinode.data.source.Source`, whose members these are."""

    address: str
    class_names: tuple[str, ...]
    positive: str | None
    records: tuple[Record, ...]
    exclusions: tuple[Exclusion, ...] = ()

    def read(self, index: int) -> NDArray[np.uint8]:
        """Decode the file of `records[index]`; see `Source.read`."""
        return read_image(Path(self.records[index].path))

    def fingerprint(self) -> str:
        """A hash of each file's id, size and time, and of whether it is labelled; not of where the folder lies."""
        return sha256_of_json([[record.id, record.label is not None, *_stamp(record.path)] for record in self.records])


def is_image_name(name: str) -> bool:
    """Whether a file of this name is taken for an image: by its ending, and not hidden."""
    return not is_system_file(name) and Path(name).suffix.lower() in IMAGE_SUFFIXES


def file_stamp(path: Path) -> list[int]:
    """Size in bytes and time of change in nanoseconds."""
    status = path.stat()
    return [status.st_size, status.st_mtime_ns]


def _stamp(path: str) -> list[int]:
    try:
        return file_stamp(Path(path))
    except OSError:  # reading it will say what is wrong; if it appears later, the hash changes
        return []
