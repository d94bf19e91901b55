"""What the routes share: answers as JSON, and their description for OpenAPI."""

import json
import re
from typing import Any
from urllib.parse import quote

from fastapi import Request
from starlette.responses import Response

from sentinode.serving.problems import MEDIA_TYPE
from sentinode.serving.schemas import ProblemAnswer

_PROBLEMS = {
    400: "The request is damaged",
    401: "A token is needed",
    403: "The role does not allow it, or the request comes from another page",
    404: "There is nothing of that id",
    408: "It came too slowly",
    409: "It is in another state",
    410: "Its files are gone",
    413: "Too large",
    415: "Of another type",
    421: "The server has another name",
    422: "A value that can't be",
    429: "Too many wrong tokens; Retry-After says when to come again",
    501: "An optional part is not installed",
    503: "A queue is full; Retry-After says when to come again",
}
_JSON = json.JSONEncoder(ensure_ascii=False, allow_nan=False)
_ALWAYS = (401, 403, 404, 421, 422, 429, 503)


def as_json(value: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`value` as an answer. Built by hand: a response model would cost more time than the prediction of a tile."""
    return Response(_JSON.encode(value), status, headers, "application/json")


def answers(shape: Any, *problems: int, status: int = 200, example: Any = None) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers with `shape` or with problems.

    Args:
        shape: The answer's model.
        problems: Statuses of problems, beside those that every route may answer with.
        status: Of the answer.
        example: Of the answer, for the description; without, it stands in `examples.json`.
    """
    described: dict[int | str, dict[str, Any]] = {status: {"model": shape}}
    if example is not None:
        described[status]["content"] = {"application/json": {"example": example}}
    return {**described, **refusals(*problems)}


def files(media_type: str, what: str, *problems: int) -> dict[int | str, dict[str, Any]]:
    """The `responses` of a route that answers with bytes."""
    schema = {"type": "string"} if media_type.startswith(("text/", "application/")) else _BINARY
    return {200: {"description": what, "content": {media_type: {"schema": schema}}}, **refusals(*problems)}


def refusals(*problems: int) -> dict[int | str, dict[str, Any]]:
    """The problems that a route may answer with, beside those that every route may."""
    schema = {"schema": {"$ref": f"#/components/schemas/{ProblemAnswer.__name__}"}}
    return {
        code: {"description": _PROBLEMS[code], "content": {MEDIA_TYPE: schema}}
        for code in sorted({*_ALWAYS, *problems})
    }


def form(fields: dict[str, Any], required: list[str], example: dict[str, Any]) -> dict[str, Any]:
    """The `openapi_extra` of a route that takes a form."""
    schema = {"type": "object", "properties": fields, "required": required}
    return {
        "requestBody": {"required": True, "content": {"multipart/form-data": {"schema": schema, "example": example}}}
    }


_BINARY = {"type": "string", "format": "binary"}
FILE = {**_BINARY, "description": "PNG, JPEG, TIFF, BMP or WebP"}


def cached(request: Request, etag: str) -> Response | None:
    """304 where the client has it already."""
    held = request.headers.get("if-none-match", "")
    if etag in (part.strip().removeprefix("W/") for part in held.split(",")):
        return Response(status_code=304, headers=cache_headers(etag))
    return None


def cache_headers(etag: str) -> dict[str, str]:
    """For what changes only with its id: the browser alone may keep it, and asks again after an hour."""
    return {"ETag": etag, "Cache-Control": "private, max-age=3600"}


def attachment(name: str) -> dict[str, str]:
    """The header that has a client save the answer as `name` (RFC 6266).

    A name that a quoted string can't hold is given a second time as UTF-8, which every browser prefers.
    """
    plain = re.sub(r"[^ !#-\[\]-~]", "_", name)
    named = f'attachment; filename="{plain}"'
    return {"Content-Disposition": named if plain == name else f"{named}; filename*=UTF-8''{quote(name, safe='')}"}
