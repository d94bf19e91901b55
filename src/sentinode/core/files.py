"""Files that are whole or not there: written under a temporary name, flushed, then renamed. And their hashes."""

import errno
import hashlib
import json
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sentinode.core.errors import SentinodeError, StorageError

_CHUNK = 1 << 20


@contextmanager
def storage_errors(path: Path) -> Iterator[None]:
    """Turn a full disk or a forbidden place into a `StorageError` that names `path` and the remedy."""
    try:
        yield
    except OSError as error:
        known = storage_error(error, path)
        if known is None:
            raise
        raise known from error


def storage_error(error: OSError, path: Path | str) -> StorageError | None:
    """A full, failing or forbidden place as an error that names `path` and the remedy; None for any other `error`."""
    if isinstance(error, SentinodeError):  # it has its message already
        return None
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        message = f"no space left on the disk while writing {path}; free some space and run the same command again"
    elif error.errno == errno.EFBIG:
        message = f"{path} grows beyond what the disk or a limit (ulimit -f) allows; choose another disk or lift it"
    elif error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        message = f"can't write {path}: {error.strerror}; choose a folder that you may write to{_cache_hint(path)}"
    elif error.errno == errno.ENOENT and error.filename and Path(error.filename) in Path(path).parents:
        message = f"can't write {path}: {error.filename} can't be made; choose another folder{_cache_hint(path)}"
    elif error.errno in (errno.EEXIST, errno.ENOTDIR):
        message = f"can't write {path}: a part of this path is a file, not a folder; choose another{_cache_hint(path)}"
    elif error.errno == errno.EISDIR:
        message = f"can't write {path}: it is a folder; give the name of a file in it"
    elif error.errno == errno.ENAMETOOLONG:
        message = f"can't write {path}: the name is too long for this disk; shorten it"
    elif error.errno in (errno.EIO, errno.ESTALE):
        message = f"the disk failed while writing {path}: {error.strerror}; check it and run the same command again"
    else:
        return None
    return StorageError(error.errno, message)


def _cache_hint(path: Path | str) -> str:
    return ", with SENTINODE_CACHE" if {".cache", "sentinode"} <= set(Path(path).parts) else ""


@contextmanager
def atomic_file(path: Path) -> Iterator[Path]:
    """Yield a temporary path beside `path`; on success it is flushed and renamed to `path`, otherwise removed.

    Raises:
        StorageError: The disk is full or the folder can't be written.
    """
    temporary = _temporary_beside(path)
    try:
        with storage_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            yield temporary
            _flush(temporary)
            temporary.replace(path)
    finally:
        with suppress(OSError):  # where its folder is none, or the disk is gone, the first error says so
            temporary.unlink(missing_ok=True)


@contextmanager
def atomic_folder(path: Path, *, replace: bool = True) -> Iterator[Path]:
    """Yield a new temporary folder beside `path`; on success it takes the place of `path`, otherwise it is removed.

    A folder that was at `path` is replaced as a whole, never mixed with the new one.

    Args:
        path: The folder to make.
        replace: Whether a folder that holds something is replaced. Of several processes that make one at the same
            moment without that, one succeeds.

    Raises:
        StorageError: The disk is full or the folder can't be written; or, with EEXIST, it holds something.
    """
    temporary = _temporary_beside(path)
    try:
        with storage_errors(path):
            temporary.mkdir(parents=True)
            yield temporary
            for file in temporary.rglob("*"):
                if file.is_file():
                    _flush(file)
            if replace:
                _swap_in(temporary, path)
            else:
                _put_in(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_text(path: Path, text: str) -> None:
    """Write `text` to `path` in UTF-8, atomically; of a file's name that is no UTF-8 the odd bytes are escaped."""
    with atomic_file(path) as temporary:
        temporary.write_text(text, encoding="utf-8", errors="backslashreplace")


def write_json(path: Path, value: Any) -> None:
    """Write `value` to `path` as indented JSON, atomically. NaN and infinity are refused: JSON has neither."""
    write_text(path, json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def sha256_of_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, in hexadecimal."""
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def sha256_of_json(value: Any) -> str:
    """The SHA-256 of `value` as canonical JSON (sorted keys, no blanks), in hexadecimal: equal values, equal hash."""
    text = json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def _temporary_beside(path: Path) -> Path:
    # In the same folder, because a rename is atomic only within one file system.
    return path.parent / f".{path.name}.{uuid.uuid4().hex[:12]}.partial"


def _flush(path: Path) -> None:
    # Without this a power cut after the rename can leave an empty file under the final name.
    with path.open("rb") as file:
        os.fsync(file.fileno())


def _put_in(new: Path, path: Path) -> None:
    try:
        new.replace(path)  # POSIX: takes the place of an empty folder, and of no other
    except OSError as error:
        if error.errno not in (errno.ENOTEMPTY, errno.EEXIST):
            raise
        raise StorageError(errno.EEXIST, f"{path} holds something already; choose another place") from error


def _swap_in(new: Path, path: Path) -> None:
    if not path.exists():
        new.replace(path)
        return
    old = _temporary_beside(path)
    path.replace(old)
    new.replace(path)
    if old.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink()
