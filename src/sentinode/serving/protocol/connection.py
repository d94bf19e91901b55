"""A client's connection: uvicorn's HTTP/1.1, with bounds on the bytes of a head and on the time that it takes.

What uvicorn lacks: httptools takes heads of any length, and neither asks how long a client takes to send or to read.
"""

import logging
from asyncio import AbstractEventLoop, BaseTransport, TimerHandle
from collections.abc import Callable
from typing import Any, cast

from httptools import HttpParserError
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from sentinode.serving.problems import Problem, new_request_id
from sentinode.serving.protocol.connection_register import ConnectionRegister
from sentinode.serving.protocol.lingering import Lingering

_HEAD_BYTES = 32 << 10
"""Most bytes of a request's line and headers; nginx takes as many. Also of what a body has between its pieces."""
_HEAD_S = 20.0
"""Longest time from the connection, or from a request's first byte, to the end of its head."""
_READS_NOTHING_S = 30.0
"""After which a client that doesn't read its answer is let go."""
_HALF_S = 3.0
"""Given to a request that is still being sent when the server is asked to end."""
_QUEUED = 16
"""Most requests that a client may send ahead of their answers."""
_LOG = logging.getLogger("sentinode.serving")


class Connection(HttpToolsProtocol):
    """What it refuses is answered as a problem, too, where no other answer is under way; then it is closed."""

    transport: Any  # `Lingering`, which is all of a transport that uvicorn uses

    def __init__(
        self,
        *,
        register: ConnectionRegister,
        refused: Callable[[int], None],
        _loop: AbstractEventLoop | None = None,
        **uvicorns: Any,
    ) -> None:
        """Args:
        register: Of all connections of the server.
        refused: Called with the status of each request that is refused here.
        uvicorns: What uvicorn gives to its protocols.
        """
        super().__init__(_loop=_loop, **uvicorns)
        self._register, self._refused = register, refused
        self._unfinished = 0
        """Bytes since the parser last finished a head or a piece of a body."""
        self._whole = True
        """Whether no request is being received."""
        self._late: TimerHandle | None = None
        self._stalled: TimerHandle | None = None
        self._refusal: Problem | None = None

    def connection_made(self, transport: BaseTransport) -> None:
        """Let it in, or say that there are too many."""
        super().connection_made(cast(Any, Lingering(cast(Any, transport), self.loop, lambda: self._whole)))
        self._expect_more()
        if not self._register.enter(self, self.client[0] if self.client else ""):
            self.refuse(Problem(503, "too many connections are open; try again in 5 s", headers={"Retry-After": "5"}))

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget it."""
        self._register.leave(self)
        _cancel(self._late)
        _cancel(self._stalled)
        self.transport.lost()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what came; what is too long for a head is refused as soon as it is."""
        if self.transport.is_closing():
            self.transport.dropped(len(data))
            return
        self._unfinished += len(data)
        super().data_received(data)
        if self._unfinished > _HEAD_BYTES and not self.transport.is_closing():
            self._refusal = _too_long()
            self.send_400_response("")
        elif self._unfinished and self._late is None:
            self._expect_more()

    def on_message_begin(self) -> None:
        """A request begins."""
        self._whole = False
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        """Its head is whole: begin to answer."""
        if len(self.url) + sum(len(name) + len(value) for name, value in self.headers) > _HEAD_BYTES:
            self._refusal = _too_long()
            raise HttpParserError
        if len(self.pipeline) >= _QUEUED:
            raise HttpParserError
        self._finished()
        super().on_headers_complete()
        self.headers = []  # fields after a body come too late to say anything, least of all who asks

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._finished()
        super().on_body(body)

    def on_message_complete(self) -> None:
        """The request is whole: it is answered, however long that takes."""
        self._finished()
        self._whole = True
        self._register.answering(self)
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """The answer is given; the next request may come."""
        if not self.pipeline:
            self._register.waiting(self)
        super().on_response_complete()

    def send_400_response(self, msg: str) -> None:  # noqa: ARG002 - uvicorn's word for it
        """Refuse what can't be parsed."""
        self.refuse(self._refusal or Problem(400, "this is no HTTP/1.1 request; look at the program that sends it"))

    def refuse(self, problem: Problem) -> None:
        """Answer with a problem if nothing else is being answered, and close."""
        if self._answers():
            self.transport.abort()
            return
        request_id = new_request_id()
        answer = problem.response(request_id)
        headers = [*answer.raw_headers, (b"x-request-id", request_id.encode()), (b"connection", b"close")]
        lines = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(b"HTTP/1.1 %d \r\n%b\r\n%b" % (problem.status, lines, bytes(answer.body)))
        self._refused(problem.status)
        _LOG.info("other other %d 0.0 ms %s", problem.status, request_id)
        self.transport.close()

    def pause_writing(self) -> None:
        """The client doesn't read."""
        super().pause_writing()
        self._stalled = self.loop.call_later(_READS_NOTHING_S, self.transport.abort)

    def resume_writing(self) -> None:
        """It reads again."""
        _cancel(self._stalled)
        super().resume_writing()

    def give_way(self) -> None:
        """Make room for another connection."""
        self.transport.abort()

    def shutdown(self) -> None:
        """The server ends: what is being answered is finished; a request that is not whole has a moment left."""
        if self._whole:
            super().shutdown()
        elif self._answers():
            super().shutdown()
            self.loop.call_later(_HALF_S, lambda: None if self._whole else self.transport.abort())
        else:
            self.transport.abort()

    def _answers(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    def _expect_more(self) -> None:
        self._late = self.loop.call_later(_HEAD_S, self._too_late)

    def _finished(self) -> None:
        self._unfinished = 0
        if self._late is not None:
            self._late.cancel()
            self._late = None

    def _too_late(self) -> None:
        if self._whole:  # it has sent nothing: there is nothing to answer
            self.transport.abort()
        else:
            self.refuse(Problem(408, f"the request's head took longer than {_HEAD_S:g} s; send it faster"))

    def _unsupported_upgrade_warning(self) -> None:
        """An upgrade that is not made is no fault: the request is answered as it is (RFC 9110 7.8)."""


def _too_long() -> Problem:
    return Problem(431, f"the request's head has more than {_HEAD_BYTES:,} bytes; send fewer or shorter headers")


def _cancel(timer: TimerHandle | None) -> None:
    if timer is not None:
        timer.cancel()
