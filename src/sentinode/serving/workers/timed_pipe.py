"""Reading lines and bytes from a pipe until a moment is over."""

import os
import select
import time

_PIECE_BYTES = 1 << 16


class OverdueError(TimeoutError):
    """The moment is over, and what was asked for has not come."""


class TimedPipe:
    """What comes from a pipe. Nothing else may read from it meanwhile."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._held = bytearray()
        self.end: float | None = None
        """When its reader gives up, as `time.monotonic` has it; None: never."""

    def line(self) -> bytes:
        """The next line; empty where the pipe ends before it does.

        Raises:
            OverdueError: It has not come in time.
        """
        searched = 0
        while (place := self._held.find(b"\n", searched)) < 0:
            searched = len(self._held)
            if not self._more():
                return b""
        return self._take(place + 1)

    def read(self, count: int) -> bytes:
        """`count` bytes; fewer where the pipe ends before.

        Raises:
            OverdueError: They have not come in time.
        """
        while len(self._held) < count and self._more():
            pass
        return self._take(count)

    def _take(self, count: int) -> bytes:
        taken = bytes(self._held[:count])
        del self._held[:count]
        return taken

    def _more(self) -> bool:
        if self.end is not None:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN | select.POLLHUP)
            if not poll.poll(max(0.0, 1000 * (self.end - time.monotonic()))):
                raise OverdueError
        piece = os.read(self._descriptor, _PIECE_BYTES)
        self._held += piece
        return bool(piece)
