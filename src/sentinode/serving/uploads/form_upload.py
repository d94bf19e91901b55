"""Request bodies under limits: read as they come, counted, and given up on when they are too large."""

import re
from dataclasses import dataclass

from fastapi import Request
from python_multipart.multipart import parse_options_header
from starlette.requests import ClientDisconnect

from sentinode.serving.problems import Problem, busy
from sentinode.serving.uploads.form_reader import FormReader

_OVERHEAD_BYTES = 1 << 16
"""What the form around the files may take, beside 512 bytes for each file."""
_SMALL_BYTES = 1 << 20
_KEPT_FOR_SMALL = 4
"""A share of the budget that only small bodies get: an image comes through however many large ones are on their way."""
_PLAIN_TYPE = re.compile(r"multipart/form-data; ?boundary=([0-9A-Za-z'()+_,./:=?-]{1,70})")
"""RFC 2046 5.1.1, without spaces and quotes."""
_PLAIN_HEAD = re.compile(
    rb'content-disposition: form-data; name="([^"\\\r\n]+)"; filename="([^"\\\r\n]*)"(?:\r\ncontent-type: [^\r\n]*)?',
    re.IGNORECASE,
)
_LONGEST_HEAD = 1024
_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ufffd\ud800-\udfff]")
"""Separators and controls, those too that have a name read from right to left; what was no UTF-8."""


@dataclass(frozen=True)
class Part:
    """One field of a form."""

    name: str
    file: str | None
    """The file name as the client says it, checked to be no path; None for a field that is no file."""
    content: bytes


class BodyBudget:
    """Bytes of request bodies that may be in memory at one time."""

    def __init__(self, most: int) -> None:
        self._most, self._held = most, 0

    def reading(self, request: Request, limit: int) -> "_Reading":
        """The body of `request`, for `async with`; it is counted until the block is left.

        Raises:
            Problem: 413 where it has more than `limit` bytes, 503 where there is no room for it now, 400 where the
                client goes before it is whole.
        """
        return _Reading(self, request, limit)

    def take(self, count: int, held: int) -> None:
        """Make room for `count` bytes more of a body of which `held` are held, or raise 503."""
        most = self._most if held + count <= _SMALL_BYTES else self._most - self._most // _KEPT_FOR_SMALL
        if self._held + count > most:
            raise busy("the server holds as many uploads as it may")
        self._held += count

    def give_back(self, count: int) -> None:
        """`count` bytes are not held any more."""
        self._held -= count


class _Reading:
    """One body. By hand: every prediction comes by here, and `asynccontextmanager` is slow."""

    def __init__(self, budget: BodyBudget, request: Request, limit: int) -> None:
        self._budget, self._request, self._limit = budget, request, limit
        self._held = 0

    async def __aenter__(self) -> bytes:
        try:
            return await self._read()
        except BaseException:
            self._budget.give_back(self._held)
            raise

    async def __aexit__(self, *_error: object) -> None:
        self._budget.give_back(self._held)

    async def _read(self) -> bytes:
        content, more = b"", None
        try:
            async for piece in self._request.stream():
                if self._held + len(piece) > self._limit:
                    raise too_large(self._held + len(piece), self._limit)
                self._budget.take(len(piece), self._held)
                self._held += len(piece)
                if not content:
                    content = piece  # mostly it is all
                elif more is None:
                    more = bytearray(content + piece)
                else:
                    more += piece
        except ClientDisconnect:
            raise Problem(400, "the client went before the request was whole; send it again") from None
        return content if more is None else bytes(more)


async def read_form(request: Request, body: bytes, *, most_files: int) -> list[Part]:
    """The fields of a multipart/form-data body.

    Raises:
        Problem: 415 for another type, 400 for a damaged body or a file name that is a path, 413 for too many fields.
    """
    content_type = request.headers.get("content-type", "")
    if (part := plain_file(content_type, body)) is not None:
        return [part]
    kind, options = parse_options_header(content_type)
    boundary = options.get(b"boundary")
    if kind != b"multipart/form-data" or not boundary:
        raise Problem(415, "the body is not multipart/form-data with a boundary; send the image as a form's file field")
    form = _Form(boundary, most_files + 16)
    form.take(body)
    form.check_ended()
    return form.parts


def plain_file(content_type: str, body: bytes) -> Part | None:
    """The file of a form with a single one (RFC 7578), which nearly every client sends; None: use the library.

    Taken apart without a parser: the library's calls back for each piece of each header, which took three tenths of the
    event loop's time for a prediction. What is not of exactly this shape is left to it.
    """
    boundary = _PLAIN_TYPE.fullmatch(content_type)
    if boundary is None:
        return None
    mark = b"--" + boundary[1].encode("ascii")
    opening, closing = mark + b"\r\n", b"\r\n" + mark
    if not body.startswith(opening):
        return None
    blank = body.find(b"\r\n\r\n", len(opening), len(opening) + _LONGEST_HEAD)
    # From two bytes before the content on: where it is empty, the blank line's end begins the next boundary.
    end = body.find(closing, blank + 2) if blank > 0 else -1
    if end < 0 or body[end + len(closing) :] not in (b"--\r\n", b"--"):
        return None
    head = _PLAIN_HEAD.fullmatch(body, len(opening), blank)
    if head is None or end < blank + 4:
        return None
    field, file = (text.decode("utf-8", "replace") for text in head.groups())
    return Part(field, file_name(file), body[blank + 4 : end])


def too_large(count: int, limit: int) -> Problem:
    """413 with both numbers."""
    return Problem(413, f"the body has {count:,} bytes or more, {limit:,} are allowed; send smaller or fewer files")


def body_limit(content_bytes: int, files: int = 1) -> int:
    """Bytes of a whole form whose files have `content_bytes`."""
    return content_bytes + _OVERHEAD_BYTES + 512 * files


def file_name(text: str) -> str:
    """A client's file name.

    Raises:
        Problem: 400 for a path, or a name with control characters.
    """
    if _UNSAFE.search(text) or text in {".", ".."} or len(text) > 255:
        raise Problem(400, "the file name is a path, too long or has control characters; send a plain file name")
    return text


class _Form(FormReader):
    """Collects a form's parts."""

    def __init__(self, boundary: bytes, most_parts: int) -> None:
        super().__init__(boundary)
        self.parts: list[Part] = []
        self._most = most_parts
        self._content: list[bytes] = []

    def begin(self) -> None:
        if len(self.parts) >= self._most:
            raise Problem(413, f"the form has more than {self._most} fields; send fewer at a time")
        self._content = []

    def data(self, data: bytes, start: int, end: int) -> None:
        self._content.append(data[start:end])

    def end(self) -> None:
        options = self.options
        if b"name" not in options:
            raise Problem(400, "a field of the form has no name; send the image as the field file")
        file = options.get(b"filename")
        name = None if file is None else file_name(file.decode("utf-8", "replace"))
        content = self._content[0] if len(self._content) == 1 else b"".join(self._content)
        self.parts.append(Part(options[b"name"].decode("utf-8", "replace"), name, content))
