"""One process for one folder: two commands must not write into the same one."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from sentinode.core.errors import SentinodeError


@contextmanager
def alone(path: Path, busy: SentinodeError) -> Iterator[None]:
    """Hold the lock of the file at `path`, whose folder is there.

    Raises:
        SentinodeError: `busy`: another process holds it.
    """
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise busy from error
    try:
        yield
    finally:
        lock.release()
