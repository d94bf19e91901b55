"""Errors as RFC 9457 has them: application/problem+json, with the value that was wrong and what to do about it."""

import json
import logging
import random
import secrets
from collections.abc import Collection, Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.routing import Match, Route
from starlette.types import Scope

from sentinode.core.errors import (
    AnnotationError,
    DataError,
    DataNotFoundError,
    ImageError,
    MissingExtraError,
    OfflineError,
    RegistryError,
    SentinodeError,
    SlideError,
    SlideNotFoundError,
    SlideReadError,
    StorageError,
    VersionNotFoundError,
)
from sentinode.core.messages import one_line
from sentinode.serving.logs import reason_of

MEDIA_TYPE = "application/problem+json"
CLIENT_GONE = 499
"""No status of HTTP: the client that would read it is gone."""

_IDS = random.Random(secrets.randbits(256))
"""Ids need not be secret, and asking the system for each would let go of the interpreter's lock."""
_LOG = logging.getLogger("sentinode.serving")
_STATUS: tuple[tuple[type[SentinodeError], int], ...] = (
    (SlideNotFoundError, 404),
    (DataNotFoundError, 404),
    (VersionNotFoundError, 404),
    (RegistryError, 409),
    (AnnotationError, 422),
    (ImageError, 422),
    (SlideReadError, 422),
    (SlideError, 422),
    (DataError, 422),
    (MissingExtraError, 501),
    (OfflineError, 503),
)


class Problem(HTTPException):
    """An answer that is an error. One of Starlette's, too: FastAPI lets only those pass from reading a body."""

    def __init__(self, status: int, detail: str, *, headers: Mapping[str, str] | None = None) -> None:
        super().__init__(status, detail, headers)
        self.status = status

    def fields(self, request_id: str) -> dict[str, Any]:
        """The members of the JSON object."""
        return {
            "type": "about:blank",
            "title": "Client Closed Request" if self.status == CLIENT_GONE else HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
            "request_id": request_id,
        }

    def response(self, request_id: str) -> Response:
        """As an answer to the request of that id."""
        content = json.dumps(self.fields(request_id), ensure_ascii=False).encode()
        return Response(content, self.status, self.headers, MEDIA_TYPE)


def busy(what: str, seconds: int = 1) -> Problem:
    """A full queue: 503 with the time after which to try again."""
    detail = f"{what}; try again in {seconds} s"
    return Problem(503, detail, headers={"Retry-After": str(seconds)})


def problem_of(error: SentinodeError, folders: Sequence[Path]) -> Problem:
    """An error that a user can mend as a problem; `folders` are the server's, whose paths no message has."""
    if isinstance(error, StorageError):  # its message has the server's paths
        return Problem(507, "the server's disk can't take it; tell its operator, whose log has the request id")
    status = next((status for kind, status in _STATUS if isinstance(error, kind)), 500)
    message = one_line(error)
    for folder in sorted(map(str, folders), key=len, reverse=True):
        message = message.replace(f"{folder}/", "").replace(folder, "the server's folder")
    return Problem(status, message)


def new_request_id() -> str:
    """An id that no other request has."""
    return f"{_IDS.getrandbits(64):016x}"


def request_id(request: Request) -> str:
    """The id that the middleware gave to the request."""
    return str(request.scope.get("state", {}).get("request_id", ""))


async def answer_problem(request: Request, error: Exception) -> Response:
    """Handler of `Problem` and `SentinodeError`."""
    assert isinstance(error, Problem | SentinodeError)
    problem = error if isinstance(error, Problem) else problem_of(error, request.app.state.service.config.folders)
    if problem.status >= HTTPStatus.INTERNAL_SERVER_ERROR and problem is not error:
        _LOG.error("request %s failed: %s", request_id(request), reason_of(error))
    return problem.response(request_id(request))


async def answer_http_error(request: Request, error: Exception) -> Response:
    """Handler of what Starlette raises itself: an unknown path, a method that a path has not."""
    assert isinstance(error, HTTPException)
    if error.status_code in (HTTPStatus.NOT_FOUND, HTTPStatus.METHOD_NOT_ALLOWED):
        problem = not_there(methods_at(request.app, request.scope))
    else:
        problem = Problem(error.status_code, str(error.detail), headers=error.headers)
    return problem.response(request_id(request))


def not_there(methods: Collection[str]) -> Problem:
    """That a path is none, or has only these methods."""
    if not methods:
        return Problem(404, "there is nothing at this path; see /openapi.json for the paths")
    allowed = ", ".join(sorted(methods))
    return Problem(405, f"this path has only {allowed}; see /openapi.json", headers={"Allow": allowed})


def methods_at(app: FastAPI, scope: Scope) -> set[str]:
    """The methods that a request's path has; none where there is nothing."""
    found: set[str] = set()
    for route in app.state.known_routes:
        if isinstance(route, Route) and route.matches(scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return found


async def answer_invalid(request: Request, error: Exception) -> Response:
    """Handler of values that the path's schema refuses."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    place = ".".join(str(part) for part in first["loc"])
    given = first.get("input")
    if isinstance(given, bytes) and first["loc"] == ("body",):  # FastAPI parses no other type
        kind = request.headers.get("content-type")
        said = f"of type {kind[:80]!r}" if kind else "of no type"
        return Problem(
            422, f"the body is {said}; if it is JSON, send it with the header Content-Type: application/json"
        ).response(request_id(request))
    shown = f" (given: {str(given)[:80]!r})" if isinstance(given, str | int | float) else ""
    return Problem(422, f"{place}: {first['msg']}{shown}; see /openapi.json").response(request_id(request))


PROBLEM_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["type", "title", "status", "detail", "request_id"],
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string", "description": "The value that was wrong, and what to do"},
        "request_id": {"type": "string"},
    },
    "example": {
        "type": "about:blank",
        "title": "Unprocessable Content",
        "status": 422,
        "detail": "patch.png is 64×64 px, the model takes 96×96; cut tiles of 96×96 px, or ask with ?resize=true",
        "request_id": "5f0c9a4be1d24c6d",
    },
}
"""For OpenAPI."""
