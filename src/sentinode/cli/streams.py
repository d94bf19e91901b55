"""Standard input, output and error as they come: closed, of an encoding that lacks letters, on a full disk."""

import io
import os
import select
import sys

from sentinode.core.errors import StorageError
from sentinode.core.files import storage_error

_NAMES = ("stdin", "stdout", "stderr")  # in the order of their numbers


def prepare_streams() -> None:
    """Make writing to them safe: what an encoding can't hold is escaped, what is closed swallows all.

    A number that is closed would be given to the next file that is opened, and what a library prints into that file.
    """
    for number, name in enumerate(_NAMES):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest number that is free: this one
        if getattr(sys, name) is None:
            mode = "w" if number else "r"
            setattr(sys, name, os.fdopen(number, mode, encoding="utf-8", errors="backslashreplace", closefd=False))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def reader_is_gone() -> bool:
    """Whether standard output or error leads to a pipe that nobody reads from any more."""
    poll = select.poll()
    for number in (1, 2):
        poll.register(number, 0)  # what is asked for besides POLLERR, which is always told
    return any(state & select.POLLERR for _, state in poll.poll(0))


def discard_output() -> None:
    """Let what is still to be written go nowhere: at the end Python would complain of the closed pipe."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    for number in (1, 2):
        os.dup2(nowhere, number)


def holds_all_letters() -> bool:
    """Whether standard output is UTF-8, as JSON has to be."""
    return (getattr(sys.stdout, "encoding", None) or "utf-8").replace("-", "").lower() == "utf8"


def write_line(text: str) -> None:
    """Write a line to standard output at once: a pipe would hold back a server's until its end.

    Raises:
        StorageError: It leads to a file, and the disk is full.
        BrokenPipeError: Nobody reads on.
    """
    try:
        sys.stdout.write(text + "\n")
        sys.stdout.flush()
    except OSError as error:
        known: StorageError | None = storage_error(error, "standard output")
        if known is None:
            raise
        raise known from error
