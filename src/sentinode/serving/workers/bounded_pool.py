"""Work for one client in a bounded pool of threads, dropped when the client is gone."""

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, Generic, TypeVar

from fastapi import Request

from sentinode.serving.problems import CLIENT_GONE, Problem, busy

Result = TypeVar("Result")

_PATIENCE_S = 0.05
"""Answers mostly come sooner; only a client that waits longer is watched."""
_RESTART_S = 10
"""After which a server that ends may be there again."""


class BoundedPool:
    """Threads with a queue of bounded length before them."""

    def __init__(self, name: str, threads: int, most_waiting: int) -> None:
        self._name, self._most = name, most_waiting + threads
        self._pool = ThreadPoolExecutor(threads, name)
        self._answers: set[asyncio.Future[Any]] = set()
        self.held = 0
        """Pieces of work that wait or run."""

    async def run(self, request: Request, work: Callable[[], Result]) -> Result:
        """`work` done in a thread; not begun any more when the client is gone.

        Raises:
            Problem: 503 where too much waits already, or the server ends.
        """
        if self.held >= self._most:
            raise busy(f"the queue for {self._name} is full")
        self.held += 1
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[Result] = loop.create_future()
        piece = _Piece(work)
        done = self._pool.submit(piece.run)
        answer.add_done_callback(lambda _answer: piece.drop() if done.cancel() else None)
        done.add_done_callback(lambda _done: loop.call_soon_threadsafe(self._done, done, answer))
        self._answers.add(answer)
        try:
            return await while_connected(request, answer)
        finally:
            self._answers.discard(answer)

    def give_up(self) -> None:
        """Answer whoever waits that the server ends."""
        for answer in self._answers:
            if not answer.done():
                answer.set_exception(busy("the server is ending", _RESTART_S))

    async def close(self) -> None:
        """Drop what waits, and wait for what runs: it may have slides open, and it reports to the running loop."""
        await asyncio.to_thread(self._pool.shutdown, cancel_futures=True)

    def _done(self, done: "Future[Any]", answer: "asyncio.Future[Any]") -> None:
        self.held -= 1
        if answer.done():  # the client is gone, or was told that the server ends
            return
        if error := done.exception():
            answer.set_exception(error)
        else:
            answer.set_result(done.result())


class _Piece(Generic[Result]):
    """Work, and what it needs, let go of when it is cancelled: the pool keeps its place until the turn comes."""

    def __init__(self, work: Callable[[], Result]) -> None:
        self._work: Callable[[], Result] | None = work

    def run(self) -> Result:
        assert self._work is not None
        return self._work()

    def drop(self) -> None:
        self._work = None


async def while_connected(request: Request, answer: "asyncio.Future[Result]") -> Result:
    """The answer, or its cancellation when the client goes first.

    Raises:
        Problem: 499, when the client is gone. It reads no answer; the status, nginx's, is for the log and the metrics,
            in which a 503 would say that the server is at fault.
    """
    gone: asyncio.Task[None] | None = None

    def watch() -> None:
        nonlocal gone
        gone = asyncio.ensure_future(_gone(request))
        gone.add_done_callback(lambda _gone: answer.cancel())

    # A timer rather than asyncio.wait, which takes as long as a tenth of a prediction.
    timer = asyncio.get_running_loop().call_later(_PATIENCE_S, watch)
    try:
        return await answer
    except asyncio.CancelledError:
        if gone is not None and gone.done() and not gone.cancelled():
            raise Problem(CLIENT_GONE, "the client is gone") from None
        raise
    finally:
        timer.cancel()
        if gone is not None:
            gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
