"""Closing a connection so that its last answer arrives, and so that it is closed for certain."""

from asyncio import AbstractEventLoop, TimerHandle, Transport
from collections.abc import Callable
from typing import Any

_LINGER_S = 5.0
_LINGER_BYTES = 64 << 20
"""What a client may go on sending after it was refused, which nobody reads: an image, a batch of them."""
_FLUSH_S = 10.0
"""Given to a client to read its last answer."""


class Lingering:
    """A transport that, while a request is not whole, closes its own side first (RFC 9112 9.6).

    Closed at once, the system would send a reset for what is on its way, and the client lose the answer that says why.
    """

    def __init__(self, transport: Transport, loop: AbstractEventLoop, is_whole: Callable[[], bool]) -> None:
        """`is_whole`: whether all of the request has come."""
        self._transport, self._loop, self._is_whole = transport, loop, is_whole
        self._timer: TimerHandle | None = None
        self._left = _LINGER_BYTES

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)

    def is_closing(self) -> bool:
        """Whether it is closed or about to be."""
        return self._timer is not None or self._transport.is_closing()

    def close(self) -> None:
        """Close it, the sooner the better, after a bounded time for certain."""
        if self.is_closing():
            return
        if self._is_whole():
            self._timer = self._loop.call_later(_FLUSH_S, self._transport.abort)
            self._transport.close()
        else:
            self._timer = self._loop.call_later(_LINGER_S, self._transport.abort)
            self._transport.write_eof()
            self._transport.resume_reading()

    def dropped(self, count: int) -> None:
        """`count` bytes came that nobody reads."""
        self._left -= count
        if self._left < 0:
            self._transport.abort()

    def lost(self) -> None:
        """The connection is gone."""
        if self._timer is not None:
            self._timer.cancel()
