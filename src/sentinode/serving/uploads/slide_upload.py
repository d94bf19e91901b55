"""Uploaded slides: a form's file straight to the disk, under a name that is checked, whole or not there."""

import asyncio
import contextlib
import os
import secrets
import shutil
import time
from pathlib import Path
from typing import BinaryIO

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from sentinode.core.files import storage_errors
from sentinode.serving.problems import Problem
from sentinode.serving.uploads.form_reader import FormReader
from sentinode.serving.uploads.form_upload import body_limit, file_name, too_large
from sentinode.slides.reader_table import SLIDE_SUFFIXES

_ONE_FILE = SLIDE_SUFFIXES - {".mrxs", ".vms", ".vmu"}
"""The others keep their pixels in files beside them."""
_PIECE_BYTES = 1 << 20
_LEFT_OVER_S = 86_400
_UNNAMED = ".partial"


async def receive_slide(request: Request, incoming: Path, library: Path, limit: int) -> Path:
    """Write the field `file` of a multipart form into a folder of its own; returns its path there.

    Nobody has looked at it yet: it is to be given to `link_in` or only to `discard`.

    Args:
        request: With the form.
        incoming: Where that folder is made, on the disk of `library`.
        library: Where the slide is to be afterwards.
        limit: Most bytes.

    Raises:
        Problem: 400 for a damaged form or a name that is a path, 409 where there is a slide of that name, 413 where it
            is too large, 415 for another suffix, 422 for a form without a file.
        StorageError: The disk is full.
    """
    kind, options = parse_options_header(request.headers.get("content-type"))
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise Problem(415, "the body is not multipart/form-data with a boundary; send the slide as a form's file field")
    most, read, pieces = body_limit(limit), 0, bytearray()
    folder = incoming / secrets.token_hex(8)
    written, arrived = folder / _UNNAMED, None
    try:
        with storage_errors(incoming):
            folder.mkdir()
        with storage_errors(incoming), written.open("wb") as out:
            receiver = _Receiver(boundary, out)
            async for piece in request.stream():
                read += len(piece)
                if read > most:
                    raise too_large(read, most)
                pieces += piece
                if len(pieces) >= _PIECE_BYTES:
                    await asyncio.to_thread(receiver.take, bytes(pieces))
                    pieces.clear()
            await asyncio.to_thread(receiver.take, bytes(pieces))
            name = receiver.finished()
            await asyncio.to_thread(os.fsync, out.fileno())
        _check(library, name)
        arrived = written.rename(folder / name)
    except ClientDisconnect:
        raise Problem(400, "the client went before the slide was whole; send it again") from None
    finally:
        if arrived is None:
            await asyncio.to_thread(discard, written)
    return arrived


def link_in(arrived: Path, library: Path) -> Path:
    """Take a slide that was looked at into `library`; returns its path there.

    Raises:
        Problem: 409 where a slide of that name has come meanwhile.
        StorageError: The disk is full.
    """
    path = library / arrived.name
    _check(library, arrived.name)
    with storage_errors(library):
        try:
            path.hardlink_to(arrived)  # unlike a rename, this never replaces a slide that came meanwhile
        except FileExistsError:
            raise _taken(path.stem) from None
    return path


def discard(arrived: Path) -> None:
    """Remove a slide's own folder, whether it was taken in or not."""
    shutil.rmtree(arrived.parent, ignore_errors=True)


def remove_left_over(incoming: Path) -> None:
    """Remove what uploads left that a server did not see the end of: no upload is silent for a day."""
    for folder in incoming.iterdir():
        with contextlib.suppress(OSError):
            if time.time() - max(path.stat().st_mtime for path in (folder, *folder.iterdir())) > _LEFT_OVER_S:
                shutil.rmtree(folder)


def _check(library: Path, name: str) -> None:
    path = library / name
    if path.suffix.lower() not in _ONE_FILE or name.startswith("."):
        raise Problem(415, f"{name!r} is no slide of one file; send one that ends in {', '.join(sorted(_ONE_FILE))}")
    if len(path.name.encode()) > 200:
        raise Problem(400, "the file name is longer than 200 bytes; shorten it")
    if any(other.stem == path.stem for other in library.iterdir() if not other.name.startswith(".")):
        raise _taken(path.stem)


def _taken(name: str) -> Problem:
    return Problem(409, f"there is a slide called {name!r} already; give this one another name")


class _Receiver(FormReader):
    """Writes the content of the field `file` as it comes."""

    def __init__(self, boundary: bytes, out: BinaryIO) -> None:
        super().__init__(boundary)
        self._out = out
        self._name: str | None = None
        self._writing = False

    def finished(self) -> str:
        self.check_ended()
        if self._name is None:
            raise Problem(422, "the form has no file in a field called file; send the slide as the field file")
        return self._name

    def headed(self) -> None:
        options = self.options
        self._writing = options.get(b"name") == b"file" and b"filename" in options
        if self._writing:
            if self._name is not None:
                raise Problem(422, "the form has several files; send one slide at a time")
            self._name = file_name(options[b"filename"].decode("utf-8", "replace"))

    def data(self, data: bytes, start: int, end: int) -> None:
        if self._writing:
            self._out.write(data[start:end])
