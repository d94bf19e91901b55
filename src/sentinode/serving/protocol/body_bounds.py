"""Bodies under bounds as they arrive, before any of the application reads them: bytes by route, rate and time."""

import asyncio
import re
import time
from http import HTTPStatus

from starlette.types import Message, Receive

from sentinode.serving.problems import Problem
from sentinode.serving.serve_config import Limits
from sentinode.serving.uploads.form_upload import body_limit, too_large

_SESSION_BYTES = 4 << 10
_REVIEW_BYTES = 2 << 20
_OTHER_BYTES = 16 << 10
_REVIEWS = re.compile(r"/scans/[^/]+/reviews")
_SLOWEST = 1 << 10
"""Bytes a second that a client sends at the least."""
_STALL_S = 20.0
"""Longest time without any; a client that was faster before has no more than that, either."""
_WHOLE_S = 30.0
_WHOLE_RATE = 64 << 10
"""A body is whole in `_WHOLE_S` and a second for each so many bytes that its route takes."""


def most_bytes(path: str, limits: Limits) -> int:
    """Bytes of a body that a path takes."""
    match path:
        case "/predict" | "/explain":
            return body_limit(limits.image_bytes)
        case "/predict/batch":
            return body_limit(limits.batch_bytes, limits.batch_files)
        case "/slides":
            return body_limit(limits.slide_bytes)
        case "/session":
            return _SESSION_BYTES
        case _:
            return _REVIEW_BYTES if _REVIEWS.fullmatch(path) else _OTHER_BYTES


class Body:
    """ASGI's `receive` of one request.

    Only the time counts in which the application waits for the client.
    """

    def __init__(self, receive: Receive, announced: int, most: int) -> None:
        """Args:
        receive: The server's own.
        announced: By Content-Length; 0 without it.
        most: Bytes that are taken.
        """
        self._receive, self._announced, self._most = receive, announced, most
        self._taken = 0
        self._patience = _STALL_S
        self._left = _WHOLE_S + most / _WHOLE_RATE
        self.whole = False
        """Whether all of it has come."""

    async def __call__(self) -> Message:
        """The next piece.

        Raises:
            Problem: 413 for more bytes than are taken, 408 for a client that is too slow.
        """
        if self.whole:
            return await self._receive()
        if self._announced > self._most:
            raise too_large(self._announced, self._most)
        began = time.monotonic()
        try:
            async with asyncio.timeout(min(self._patience, self._left)):
                message = await self._receive()
        except TimeoutError:
            raise Problem(
                HTTPStatus.REQUEST_TIMEOUT, f"of the body {self._taken:,} bytes came, too slowly; send it faster"
            ) from None
        count = len(message.get("body", b""))
        waited = time.monotonic() - began
        self._patience = min(_STALL_S, self._patience - waited + count / _SLOWEST)
        self._left -= waited
        self._taken += count
        if self._taken > self._most:
            raise too_large(self._taken, self._most)
        self.whole = not message.get("more_body", False)
        return message
