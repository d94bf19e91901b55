"""One process for one slide: a lock that the system lets go of when its holder ends, however it ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from sentinode.core.errors import StorageError
from sentinode.core.files import storage_errors


class BusyError(Exception):
    """Another process holds the lock."""


@contextmanager
def locked(path: Path, *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of the file at `path`, which is made and removed again.

    Args:
        path: Of the lock's file.
        wait: Wait for another process to let go, instead of raising.

    Raises:
        BusyError: Another process holds it.
        StorageError: The file can't be made, or its disk knows no locks.
    """
    import fcntl

    while True:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            file = path.open("ab")
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            file.close()
            raise BusyError(str(path)) from None
        except OSError as error:
            file.close()
            message = f"{path} can't be locked: {error.strerror}; choose a folder on a disk that has locks"
            raise StorageError(error.errno, message) from error
        if _is_at(path, file):
            break
        file.close()
    try:
        yield
    finally:
        path.unlink(missing_ok=True)
        file.close()


def _is_at(path: Path, file: BinaryIO) -> bool:
    # Its last holder may have removed the file after it was opened here: that lock would be nobody's.
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
