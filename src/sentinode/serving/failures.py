"""What nobody foresaw, as the problem that a client is told; the reason is in the log."""

import errno

from fastapi import Request
from sqlalchemy.exc import InterfaceError, OperationalError
from starlette.responses import Response

from sentinode.serving.logs import causes_of, code_of
from sentinode.serving.problems import Problem, busy, request_id

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
_FULL_DATABASE = {"SQLITE_FULL", "53100"}
"""SQLite's name and PostgreSQL's code."""
_RETRY_S = 5


def failure_of(error: BaseException, asked: str) -> Problem:
    """An error as a problem: 507 for a full disk, 503 for a database or memory that can't be had now, else 500.

    Args:
        error: Whatever was raised.
        asked: The request's id.
    """
    for cause in causes_of(error):
        if (isinstance(cause, OSError) and cause.errno in _FULL) or code_of(cause) in _FULL_DATABASE:
            return Problem(507, f"the server's disk is full; tell its operator the request id {asked}")
        if isinstance(cause, OperationalError | InterfaceError):
            return busy("the server's database can't be used now", _RETRY_S)
        if isinstance(cause, MemoryError):
            return busy("the server has no memory for this now", _RETRY_S)
    return Problem(500, f"the server failed; tell its operator the request id {asked}")


async def answer_failure(request: Request, error: Exception) -> Response:
    """Handler of everything else; the middleware around it logs."""
    asked = request_id(request)
    return failure_of(error, asked).response(asked)
