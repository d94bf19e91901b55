"""Arrays in npz files that come from elsewhere: what a header promises is checked before any memory is asked for."""

import math
from pathlib import Path
from typing import IO, Any
from zipfile import BadZipFile, ZipFile, ZipInfo

import numpy as np
from numpy.lib import format as npy
from numpy.typing import NDArray

MOST_BYTES = 1 << 30
"""What the arrays of one file may come to: 130 million hashes of seen images. A few MB of zeros can claim terabytes."""


def read_npz(path: Path) -> dict[str, NDArray[Any]]:
    """Read all arrays of an npz file, without pickle and within `MOST_BYTES`.

    Returns:
        Name → array.

    Raises:
        ValueError: It is no npz file, is damaged, holds something else than plain arrays, or inflates beyond bounds;
            the message doesn't name the path.
        OSError: It can't be read.
    """
    try:
        with ZipFile(path) as archive:
            entries = archive.infolist()
            size = sum(entry.file_size for entry in entries)
            if size > MOST_BYTES:
                raise ValueError(f"it inflates to {size / 1e9:,.1f} GB, of which {MOST_BYTES / 1e9:.1f} are taken")
            return {entry.filename.removesuffix(".npy"): _read(archive, entry) for entry in entries}
    except (BadZipFile, EOFError, NotImplementedError, RuntimeError) as error:  # the last: it wants a password
        raise ValueError(f"no npz file that can be read: {error}") from error


def _read(archive: ZipFile, entry: ZipInfo) -> NDArray[Any]:
    with archive.open(entry) as file:
        _check_header(file, entry)
    with archive.open(entry) as file:
        return np.asarray(npy.read_array(file, allow_pickle=False))


def _check_header(file: IO[bytes], entry: ZipInfo) -> None:
    version = npy.read_magic(file)
    if version not in {(1, 0), (2, 0)}:
        raise ValueError(f"{entry.filename} has version {version} of the npy format, not 1.0 or 2.0")
    read_header = npy.read_array_header_1_0 if version == (1, 0) else npy.read_array_header_2_0
    shape, _, dtype = read_header(file)
    if dtype.hasobject:
        raise ValueError(f"{entry.filename} holds pickled objects, which are not loaded")
    promised, there = math.prod(shape) * dtype.itemsize, entry.file_size - file.tell()
    if promised != there:
        raise ValueError(f"{entry.filename} says that it has {promised:,} bytes, and has {there:,}")
