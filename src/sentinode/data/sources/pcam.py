"""`pcam:DIR`: PatchCamelyon's HDF5 files, read in slabs: the 7 GB of training patches are never in memory at once."""

from functools import cached_property
from pathlib import Path
from typing import Any

import h5py
import numpy as np
from numpy.typing import NDArray

from sentinode.core.csv_table import read_table
from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.files import sha256_of_json
from sentinode.core.messages import plural
from sentinode.data.source import Exclusion, Record
from sentinode.data.sources.file_source import file_stamp
from sentinode.data.sources.slabs import SlabReader, slab_rows

CLASS_NAMES = ("normal", "tumour")
"""Label 0 and label 1: at least one tumour pixel in the central 32×32."""

_PREFIX = "camelyonpatch_level_2_split_"
_SPLITS = ("train", "valid", "test")


def recognises(path: Path) -> bool:
    """Whether `path` is a folder with PatchCamelyon's files, packed or not."""
    return path.is_dir() and any(path.glob(f"{_PREFIX}*.h5*"))


def open_path(path: Path) -> "PcamSource":
    """Open the splits that lie at `path`, one or several.

    Raises:
        DataNotFoundError: None of the files is there, they are still packed, or one of a pair is missing.
        DataError: A file is not HDF5 or its arrays are not PatchCamelyon's.
    """
    splits = [split for split in _SPLITS if _file(path, split, "x").is_file() or _file(path, split, "y").is_file()]
    if not splits:
        packed = next(iter(sorted(path.glob(f"{_PREFIX}*.h5.gz"))), None) if path.is_dir() else None
        if packed is not None:
            raise DataNotFoundError(f"{packed} is still packed; unpack the files first: gunzip {path}/*.gz")
        raise DataNotFoundError(
            f"{path} has none of PatchCamelyon's files; looked for {_PREFIX}train_x.h5 and the like"
        )
    return PcamSource(path, splits)


class PcamSource:
    """PatchCamelyon; implements `sentinode.data.source.Source`."""

    class_names = CLASS_NAMES
    positive = CLASS_NAMES[1]
    exclusions: tuple[Exclusion, ...] = ()

    def __init__(self, folder: Path, splits: list[str]) -> None:
        self.address = f"pcam:{folder}"
        self._folder = folder
        self._arrays = {split: _open_images(_file(folder, split, "x")) for split in splits}
        self._readers = {split: _reader(array) for split, array in self._arrays.items()}
        self._starts = dict(zip(splits, np.cumsum([0, *map(len, self._arrays.values())])[:-1].tolist(), strict=True))

    @cached_property
    def records(self) -> tuple[Record, ...]:
        """Every patch: train, valid, test, in the order of the files."""
        return tuple(record for split in self._arrays for record in self._records_of(split))

    def read(self, index: int) -> NDArray[np.uint8]:
        """Pixels of `records[index]`; see `Source.read`."""
        split = next(split for split in reversed(self._starts) if index >= self._starts[split])
        return self._readers[split].read(index - self._starts[split])

    def fingerprint(self) -> str:
        """A hash of each image file's name, size, time and shape."""
        return sha256_of_json(
            [[split, *file_stamp(_file(self._folder, split, "x")), *map(int, array.shape)]
             for split, array in self._arrays.items()]
        )  # fmt: skip

    def _records_of(self, split: str) -> list[Record]:
        images = _file(self._folder, split, "x")
        labels = _read_labels(_file(self._folder, split, "y"), len(self._arrays[split]))
        slides = _read_slides(self._folder / f"{_PREFIX}{split}_meta.csv", len(labels))
        return [
            Record(
                id=f"{split}/{number:06d}",
                path=f"{images}#{number}",
                label=CLASS_NAMES[label] if label in (0, 1) else str(label),
                group=slide,
                split=split,
            )
            for number, (label, slide) in enumerate(zip(labels, slides, strict=True))
        ]


def _file(folder: Path, split: str, array: str) -> Path:
    return folder / f"{_PREFIX}{split}_{array}.h5"


def _open_array(path: Path, key: str) -> Any:
    if not path.is_file():
        raise DataNotFoundError(f"{path} is missing; a split needs both its _x.h5 and its _y.h5")
    try:
        file = h5py.File(path, "r")
    except OSError as error:
        raise DataError(f"{path} is not an HDF5 file that can be read ({error}); fetch it again") from error
    if key not in file:
        found = ", ".join(sorted(file)) or "nothing"
        file.close()
        raise DataError(f"{path} has no array {key!r}, it holds {found}; PatchCamelyon's file has it: fetch it again")
    return file[key]


def _open_images(path: Path) -> Any:
    array = _open_array(path, "x")
    if array.ndim != 4 or array.shape[3] != 3 or array.dtype != np.uint8 or not len(array):
        raise DataError(f"{path}: x is {array.dtype} of shape {array.shape}; it must be uint8 (N, H, W, 3)")
    return array


def _reader(array: Any) -> SlabReader:
    def load(start: int, stop: int) -> NDArray[np.uint8]:
        try:
            return np.asarray(array[start:stop], dtype=np.uint8)
        except OSError as error:
            message = f"{array.file.filename} is damaged in images {start} to {stop} ({error}); fetch it again"
            raise DataError(message) from error

    chunk_rows = array.chunks[0] if array.chunks else 1
    return SlabReader(load, len(array), slab_rows(int(np.prod(array.shape[1:])), chunk_rows))


def _read_labels(path: Path, count: int) -> list[int]:
    array = _open_array(path, "y")
    labels: list[int] = np.asarray(array).reshape(-1).tolist()
    array.file.close()
    if len(labels) != count:
        raise DataError(
            f"{path} has {plural(len(labels), 'label')} for {plural(count, 'image')}; fetch both files again"
        )
    return labels


def _read_slides(path: Path, count: int) -> list[str | None]:
    if not path.is_file():
        return [None] * count
    slides = [row["wsi"] for row in read_table(path).rows(("wsi",))]
    if len(slides) != count:
        raise DataError(
            f"{path} has {plural(len(slides), 'row')} for {plural(count, 'image')}; fetch it again, or remove it"
        )
    return [slide or None for slide in slides]
