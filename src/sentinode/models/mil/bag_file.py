"""Bags as HDF5 files, in the layout of TRIDENT and CLAM: `features` (N, D) and `coords` (N, 2).

TRIDENT's attributes stand at `coords`, so that what reads its files reads ours; what only we know is JSON in the
attribute `sentinode` of the file, with a SHA-256 of the arrays. The same bag gives the same bytes. Files of those
programs are read, too: their features are float32, sometimes with an axis of 1 in front, and they say at most by what
network they were made.
"""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import ValidationError

from sentinode.core.errors import DataError, DataNotFoundError
from sentinode.core.extras import require
from sentinode.core.files import atomic_file, sha256_of_json
from sentinode.core.messages import one_line
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.bag import Bag, BagFacts, check_arrays
from sentinode.models.mil.bag_hash import SLAB, ArraysHash, sha256_of_arrays
from sentinode.models.mil.file_rows import read_rows
from sentinode.models.mil.trident_attributes import stated_grid, trident_attributes

h5py = require("h5py", extra="scan")

BAG_SUFFIX = ".h5"
FORMAT_VERSION = 2

_OWN = "sentinode"
_FEATURES, _COORDS, _SCORES = "features", "coords", "scores"


@dataclass(frozen=True)
class BagHeader:
    """What a bag's file says without its arrays."""

    facts: BagFacts
    tiles: int
    """N."""
    size: int
    """D, the length of a tile's features."""
    sha256: str
    """Of the arrays, as it was written; empty in files of other programs."""


class _Statement(BagFacts):
    """The attribute `sentinode`."""

    sha256_of_arrays: str


def write_bag(path: Path, bag: Bag) -> None:
    """Write a bag, whole or not at all; its features are rounded to float16.

    Raises:
        DataError: A feature or score is no finite number, or too large for float16.
        StorageError: The disk is full or the folder can't be written.
    """
    with atomic_file(path) as temporary, h5py.File(temporary, "w") as file:
        features = file.create_dataset(_FEATURES, (len(bag), bag.size), "<f2", track_times=False)
        found = ArraysHash()
        found.begin(_FEATURES, features.shape)
        for start in range(0, len(bag), SLAB):
            halved = _halved(bag, slice(start, start + SLAB))
            features[start : start + SLAB] = halved
            found.add(halved)
        coords = file.create_dataset(_COORDS, data=np.ascontiguousarray(bag.coords, "<i8"), track_times=False)
        if bag.scores is not None:
            if not np.isfinite(bag.scores).all():
                raise DataError(f"bag {bag.name} has scores that are no finite numbers; compute them again")
            file.create_dataset(_SCORES, data=np.ascontiguousarray(bag.scores, "<f4"), track_times=False)
        found.add_places(bag.coords, bag.scores)
        features.attrs["encoder"], features.attrs["name"] = bag.facts.space.name, bag.name
        for name, value in trident_attributes(bag.facts).items():
            coords.attrs[name] = value
        file.attrs["format_version"] = FORMAT_VERSION
        statement = _Statement(**dict(bag.facts), sha256_of_arrays=found.hexdigest())
        file.attrs[_OWN] = statement.model_dump_json()


def _halved(bag: Bag, places: slice) -> NDArray[np.float16]:
    with np.errstate(over="ignore"):
        halved = bag.features(places).astype(np.float16)
    if not np.isfinite(halved).all():
        raise DataError(f"bag {bag.name} has features beyond ±65,504, which float16 does not hold; use another network")
    return halved


def read_bag_header(path: Path, *, encoder: str = "") -> BagHeader:
    """What a bag's file says, without reading its arrays.

    Args:
        path: The file.
        encoder: See `read_bag`.

    Raises:
        DataNotFoundError: There is no such file.
        DataError: It is damaged, no bag, or does not say what its features are.
    """
    with _opened(path) as file:
        shape = _shapes(path, file)
        facts, sha256 = _facts(path, file, encoder)
        return BagHeader(facts, *shape, sha256)


def read_bag(path: Path, *, encoder: str = "") -> Bag:
    """Open a bag's file. Its features are read when they are asked for, by `Bag.features`.

    Args:
        path: HDF5, of ours or as TRIDENT or CLAM write it.
        encoder: The network that made the features, for files of other programs that don't say it.

    Raises:
        DataNotFoundError: There is no such file.
        DataError: It is damaged, holds no tile, arrays that don't go together or numbers that are not finite, does not
            say what its features are, or says something else than `encoder`.
    """
    with _opened(path) as file:
        tiles, size = _shapes(path, file)
        facts, _ = _facts(path, file, encoder)
        coords = _whole_numbers(path, np.asarray(file[_COORDS][()]).reshape(tiles, 2))
        scores = _scores(path, file) if facts.score_names else None
        return Bag(facts, _FileRows.of(path, file[_FEATURES], (tiles, size)), coords, scores)


def checked_sha256(path: Path, *, encoder: str = "") -> str:
    """The SHA-256 of a bag's arrays, all of which are read; in a file of ours it is the one that was written.

    Args:
        path: The file.
        encoder: See `read_bag`.

    Raises:
        DataNotFoundError: There is no such file.
        DataError: As `read_bag`; or the arrays of a file of ours are not those that were written.
    """
    stated = read_bag_header(path, encoder=encoder).sha256
    found = sha256_of_arrays(read_bag(path, encoder=encoder))
    if stated and found != stated:
        raise DataError(
            f"{path} is damaged: the SHA-256 of its arrays is {found}, and {stated} was written; compute it again with "
            "`sentinode features --slides`"
        )
    return found


def key_in(path: Path) -> str:
    """The key of the slide, network and configuration that a file of ours is of, whatever its format.

    Returns:
        Empty of a file of another program, or one that can't be read.
    """
    try:
        with _opened(path) as file:
            stated = json.loads(file.attrs[_OWN])
    except DataError:
        return ""
    key = stated.get("key") if isinstance(stated, dict) else None
    return key if isinstance(key, str) else ""


@contextmanager
def _opened(path: Path) -> Iterator[Any]:
    """The file; whatever HDF5 finds wrong with it while it is read is one error."""
    if not path.is_file():
        raise DataNotFoundError(f"{path} does not exist; give a file that `sentinode features` wrote")
    try:
        with h5py.File(path, "r") as file:
            yield file
    except DataError:
        raise
    except (OSError, KeyError, RuntimeError, TypeError, ValueError) as error:
        raise DataError(f"{path} is no HDF5 file that can be read ({one_line(error)}); compute it again") from error


def _shapes(path: Path, file: Any) -> tuple[int, int]:
    """(N, D) of the features, an axis of 1 in front left out."""
    for name in (_FEATURES, _COORDS, *([_SCORES] if _SCORES in file else [])):
        if not isinstance(file.get(name), h5py.Dataset):
            found = ", ".join(sorted(file)) or "nothing"
            raise DataError(
                f"{path} has no array {name!r}, it holds {found}; TRIDENT and CLAM write it: compute it again"
            )
        # A link could lead to any file of this machine.
        if not isinstance(file.get(name, getlink=True), h5py.HardLink) or file[name].external or file[name].is_virtual:
            raise DataError(f"{path} has {name!r} in another file; give the file that holds it")
    features, coords = (_without_front(file[name].shape) for name in (_FEATURES, _COORDS))
    check_arrays(str(path), features, coords)
    if file[_FEATURES].dtype.kind != "f":
        raise DataError(f"{path} has features of type {file[_FEATURES].dtype}; numbers with a point are wanted")
    return int(features[0]), int(features[1])


def _without_front(shape: tuple[int, ...]) -> tuple[int, ...]:
    return shape[1:] if len(shape) == 3 and shape[0] == 1 else shape


def _facts(path: Path, file: Any, encoder: str) -> tuple[BagFacts, str]:
    """What is known of the bag, and the SHA-256 that its arrays were written with."""
    own = file.attrs.get(_OWN)
    if own is None:
        return _foreign_facts(path, file, encoder), ""
    version = int(file.attrs["format_version"])
    if version > FORMAT_VERSION:
        raise DataError(f"{path} has format {version}, newer than {FORMAT_VERSION}; upgrade sentinode")
    if version < FORMAT_VERSION:
        raise DataError(f"{path} has format {version}, without a hash of its arrays; compute it again")
    try:
        stated = _Statement.model_validate_json(own)
    except ValidationError as error:
        raise DataError(f"{path} is damaged: {one_line(error)}; compute it again") from error
    _check_encoder(path, stated.space.name, encoder)
    fields = dict(stated)
    sha256 = fields.pop("sha256_of_arrays")
    return BagFacts(**fields), sha256


def _foreign_facts(path: Path, file: Any, encoder: str) -> BagFacts:
    stated = str(file[_FEATURES].attrs.get("encoder", "None"))
    stated = "" if stated == "None" else stated  # as TRIDENT writes it where it doesn't know
    if stated:
        _check_encoder(path, stated, encoder)
    name = stated or encoder
    if not name:
        raise DataError(f"{path} does not say which network its features are of; name it with --encoder")
    grid = stated_grid(path, file[_COORDS].attrs)
    tile_px = grid.tile_px if grid else 0
    space = FeatureSpace("stated", name, tile_px, sha256_of_json(["stated", name]))
    return BagFacts(name=path.stem, space=space, grid=grid)


def _check_encoder(path: Path, stated: str, encoder: str) -> None:
    if encoder and encoder != stated:
        raise DataError(f"{path} says that its features are of {stated}, not {encoder}; leave out --encoder")


def _whole_numbers(path: Path, coords: NDArray[Any]) -> NDArray[np.int64]:
    whole = coords.astype(np.int64)
    if coords.dtype.kind not in "iuf" or not np.array_equal(whole, coords):
        raise DataError(f"{path} has coordinates that are no whole level-0 pixels; compute it again")
    return whole


def _scores(path: Path, file: Any) -> NDArray[np.float32]:
    scores = np.asarray(file[_SCORES][()], np.float32)
    if not np.isfinite(scores).all():
        raise DataError(f"{path} has scores that are no finite numbers; compute it again")
    return scores


@dataclass(frozen=True)
class _FileRows:
    """The features of a file. No file is held open: a cohort has more slides than a process may have open files."""

    path: Path
    shape: tuple[int, int]
    dtype: np.dtype[Any]
    offset: int | None
    """Where they begin in the file, one row behind the other; None where HDF5 has them in chunks."""
    seen: tuple[int, int, int]
    """The file's inode, size and time of change when it was opened."""

    @classmethod
    def of(cls, path: Path, dataset: Any, shape: tuple[int, int]) -> "_FileRows":
        offset = dataset.id.get_offset() if dataset.chunks is None else None
        if dataset.chunks is None and offset is None:
            raise DataError(f"{path} holds no features, only their shape; compute it again")
        rows = cls(path, shape, dataset.dtype, offset, _state(path.stat()))
        if offset is not None and offset + dataset.dtype.itemsize * shape[0] * shape[1] > rows.seen[1]:
            raise DataError(f"{path} is truncated; compute it again")
        return rows

    def __getitem__(self, places: Any, /) -> NDArray[Any]:
        wanted = np.arange(self.shape[0])[places]
        try:
            with self.path.open("rb", buffering=0) as raw:
                if _state(os.fstat(raw.fileno())) != self.seen:
                    raise DataError(f"{self.path} was changed while it was in use; run the same command again")
                if self.offset is not None:
                    return read_rows(raw, self.offset, self.dtype, self.shape[1], wanted)
        except OSError as error:
            raise DataError(f"{self.path} can't be read: {error.strerror}; compute it again") from error
        with _opened(self.path) as file:
            taken: NDArray[Any] = self._of_chunks(file[_FEATURES], wanted)
        return taken

    def _of_chunks(self, dataset: Any, places: NDArray[np.int64]) -> NDArray[Any]:
        """Chunk by chunk: HDF5's own picking of rows costs ten times as much."""
        step, taken = dataset.chunks[-2], np.empty((len(places), self.shape[1]), self.dtype)
        order = np.argsort(places, kind="stable")
        for wanted in np.split(order, np.flatnonzero(np.diff(places[order] // step)) + 1):
            start = int(places[wanted[0]] // step) * step
            rows = slice(start, start + step)
            taken[wanted] = (dataset[0, rows] if dataset.ndim == 3 else dataset[rows])[places[wanted] - start]
        return taken


def _state(stat: os.stat_result) -> tuple[int, int, int]:
    return stat.st_ino, stat.st_size, stat.st_mtime_ns
