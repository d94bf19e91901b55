"""The server's log lines, on its standard error."""

import asyncio
import errno
import logging
import sys
import traceback
from typing import TextIO

_QUIET = ("uvicorn", "alembic", "multipart", "python_multipart")
_SILENT = ("PIL", "tifffile")
"""They speak of what is in uploads and slides; the server's answer says what is wrong with them."""
_FORM = "%(asctime)s %(levelname)s %(message)s"


class TogetherHandler(logging.Handler):
    """Writes what is logged in one turn of the event loop at its end, at one go.

    The answers to a batch are sent in one turn; a write for each line took a fifth of the loop's time.
    """

    def __init__(self, stream: TextIO) -> None:
        super().__init__()
        self._stream = stream
        self._lines: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        """Keep a line until the turn ends, or write it at once where there is no event loop. Called with the lock."""
        self._lines.append(self.format(record))
        if len(self._lines) > 1:
            return
        try:
            asyncio.get_running_loop().call_soon(self.flush)
        except RuntimeError:
            self.flush()

    def flush(self) -> None:
        """Write what is kept; as `logging` does, a stream that is gone stops nobody."""
        self.acquire()
        try:
            lines, self._lines = self._lines, []
            if lines:
                self._stream.write("\n".join(lines) + "\n")
                self._stream.flush()
        except (OSError, ValueError):
            pass
        finally:
            self.release()


def start_logging() -> None:
    """Log to the standard error, with nothing that other libraries have to say but their warnings."""
    handler = TogetherHandler(sys.stderr)
    handler.setFormatter(logging.Formatter(_FORM))
    logging.basicConfig(handlers=[handler], level=logging.INFO)
    for name in _QUIET:
        logging.getLogger(name).setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").setLevel(logging.ERROR)  # its warnings are of requests that have a line of ours
    for name in _SILENT:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    # What no line shows is not asked for (the logging library's documentation, "Optimization").
    logging.logThreads = logging.logProcesses = logging.logMultiprocessing = False
    logging._srcfile = None


def places_of(error: BaseException) -> str:
    """Type and places of an error, without its message, which may name a patient's file."""
    frames = traceback.extract_tb(error.__traceback__)[-6:]
    places = " < ".join(f"{frame.filename.rpartition('/')[2]}:{frame.lineno}" for frame in reversed(frames))
    return f"{type(error).__name__} at {places}"


def reason_of(error: BaseException) -> str:
    """Codes, types and places of an error and of what caused it, without messages."""
    parts = ([code_of(cause), places_of(cause)] for cause in causes_of(error))
    return "; because of ".join(" ".join(part for part in both if part) for both in parts)


def causes_of(error: BaseException) -> list[BaseException]:
    """The error, what it was raised from, and so on."""
    causes = [error]
    while (cause := causes[-1].__cause__) is not None and cause not in causes:
        causes.append(cause)
    return causes


def code_of(error: BaseException) -> str:
    """ENOSPC, SQLITE_BUSY, a PostgreSQL code: what the system or a database calls it."""
    if isinstance(error, OSError):
        return errno.errorcode.get(error.errno or 0, "")
    told = getattr(error, "orig", None) or error  # SQLAlchemy's errors have the driver's
    return str(getattr(told, "sqlite_errorname", None) or getattr(told, "sqlstate", None) or "")
