"""Rows of numbers in a file, of which some are read: without mapping it, which would end the process if it shrank."""

import errno
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray


def read_rows(file: BinaryIO, offset: int, dtype: np.dtype[Any], size: int, places: NDArray[np.int64]) -> NDArray[Any]:
    """Rows at `places` of an array that lies in a file, one row behind the other; neighbours are read at once.

    Args:
        file: Open, unbuffered.
        offset: Where the array begins, in bytes.
        dtype: Of its numbers.
        size: Numbers in a row.
        places: (n,) which rows, in any order.

    Returns:
        (n, size).

    Raises:
        OSError: The file can't be read, or ends before.
    """
    rows = np.empty((len(places), size), dtype)
    row_bytes, content = size * dtype.itemsize, rows.reshape(-1).view(np.uint8).data
    for run in np.split(np.arange(len(places)), np.flatnonzero(np.diff(places) != 1) + 1) if len(places) else []:
        part = content[int(run[0]) * row_bytes : (int(run[-1]) + 1) * row_bytes]
        file.seek(offset + int(places[run[0]]) * row_bytes)
        while part:
            if not (count := file.readinto(part)):  # type: ignore[attr-defined]
                raise OSError(errno.EIO, "it ends too early")
            part = part[count:]
    return rows
