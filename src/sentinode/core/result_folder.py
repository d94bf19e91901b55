"""The rules of a folder of results: whose is it, what was left half written in it, and who works in it now."""

import os
import re
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from sentinode.core.errors import BusyError, SentinodeError, StorageError
from sentinode.core.files import storage_errors

RUN_LOG = "log.csv"
"""In the folder of a run: a line for each epoch or probe. With the first, there is something to go on with."""


@dataclass(frozen=True)
class ResultKind:
    """A kind of result that is a folder, which a new one of the kind replaces as a whole, and nothing else may.

    Examples:
        >>> import tempfile
        >>> ResultKind("a bundle", ("bundle.json",)).check(Path(tempfile.mkdtemp()))
    """

    noun: str
    """For messages, with its article: `a bundle`."""

    markers: tuple[str, ...]
    """Files or folders, of which one says that a folder is such a result."""

    nothing_else: bool = False
    """Whether a folder that holds anything beside its markers is somebody else's."""

    def holds(self, folder: Path) -> bool:
        """Whether `folder` is such a result, by the names in it."""
        return any((folder / marker).exists() for marker in self.markers)

    def check(self, folder: Path) -> None:
        """Refuse a place that holds something else, which would be lost.

        Raises:
            StorageError: It does: a file, or a folder of another kind.
        """
        if is_empty(folder):
            return
        foreign = self.nothing_else and folder.is_dir() and {path.name for path in folder.iterdir()} - {*self.markers}
        if foreign or not self.holds(folder):
            raise StorageError(f"{folder} holds something else than {self.noun}; choose another --out")


def is_empty(path: Path) -> bool:
    """Whether nothing is there: no file, and no folder with anything in it."""
    return not path.exists() or (path.is_dir() and not any(path.iterdir()))


def check_empty(path: Path) -> None:
    """Refuse a place that holds something.

    Raises:
        StorageError: It is a file, or a folder with something in it.
    """
    if not is_empty(path):
        raise StorageError(f"{path} holds something already; choose another --out")


def remove_partial(path: Path) -> None:
    """Remove what a killed `atomic_file` or `atomic_folder` of `path` left. No other process may be writing it."""
    left = re.compile(re.escape(f".{path.name}.") + r"[0-9a-f]{12}\.partial")
    if not path.parent.is_dir():
        return
    for partial in [entry for entry in path.parent.iterdir() if left.fullmatch(entry.name)]:
        if partial.is_dir():
            shutil.rmtree(partial, ignore_errors=True)
        else:
            partial.unlink(missing_ok=True)


@contextmanager
def locked(path: Path, doing: str = "", *, wait: bool = False) -> Iterator[None]:
    """Hold the lock of the file at `path`, which is made and removed again. A killed holder lets go of it, too.

    Args:
        path: Of the lock's file; its folder is made where it is missing.
        doing: What the holder does, for the message: `is training into runs/a`.
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
            raise BusyError(f"another process {doing or f'holds {path}'}; wait for it or stop it first") from None
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


@contextmanager
def held_run(
    folder: Path, doing: str, go_on: str, written: Sequence[str], *, new: bool, helps: bool = False
) -> Iterator[None]:
    """Work in the folder of a run that goes on after it was stopped or killed; no other command does meanwhile.

    Args:
        folder: The run's.
        doing: What is done in it, for the message: `is training into runs/a`.
        go_on: The command that goes on with it: `sentinode train --resume runs/a`.
        written: Names in it that are written at once: what a killed command left of them is removed.
        new: Whether this command made the folder: a run that is refused before it has a log leaves none behind.
        helps: Whether the process only helps the one that holds the folder, and leaves all of that to it.

    Raises:
        BusyError: Another command works in it.
        KeyboardInterrupt: The user stopped the block; the message says how to go on.
    """
    lock = nullcontext() if helps else locked(folder / ".lock", doing)
    with lock, storage_errors(folder):
        try:
            if not new and not helps:
                for name in written:
                    remove_partial(folder / name)
            yield
        except KeyboardInterrupt as error:
            raise KeyboardInterrupt(f"go on with `{go_on}`") from error
        except SentinodeError:
            if new and not (folder / RUN_LOG).exists():
                # Nothing to go on with. Under the lock, so that it is ours.
                shutil.rmtree(folder, ignore_errors=True)
            raise


def _is_at(path: Path, file: BinaryIO) -> bool:
    # Its last holder may have removed the file after it was opened here: that lock would be nobody's.
    try:
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    except FileNotFoundError:
        return False
