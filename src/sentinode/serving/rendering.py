"""Work for one client in a bounded pool of threads, dropped when the client is gone."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from fastapi import Request

from sentinode.serving.problems import Problem, busy

Result = TypeVar("Result")

_PATIENCE_S = 0.05
"""Answers mostly come sooner; only a client that waits longer is watched."""


class Workers:
    """Threads with a queue of bounded length before them."""

    def __init__(self, name: str, threads: int, most_waiting: int) -> None:
        self._name, self._most = name, most_waiting + threads
        self._pool = ThreadPoolExecutor(threads, name)
        self.held = 0
        """Pieces of work that wait or run."""

    async def run(self, request: Request, work: Callable[[], Result]) -> Result:
        """`work` done in a thread; not begun any more when the client is gone.

        Raises:
            Problem: 503 where too much waits already.
        """
        if self.held >= self._most:
            raise busy(f"the queue for {self._name} is full")
        self.held += 1
        loop = asyncio.get_running_loop()
        future = self._pool.submit(work)
        future.add_done_callback(lambda _future: loop.call_soon_threadsafe(self._done))
        return await while_connected(request, asyncio.wrap_future(future))

    def close(self) -> None:
        """Drop what waits, and let the threads end."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _done(self) -> None:
        self.held -= 1


async def while_connected(request: Request, answer: "asyncio.Future[Result]") -> Result:
    """The answer, or its cancellation when the client goes first.

    Raises:
        Problem: 499 is no status of HTTP; a client that is gone reads none. It is for the log.
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
            raise Problem(503, "the client is gone") from None
        raise
    finally:
        timer.cancel()
        if gone is not None:
            gone.cancel()


async def _gone(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass
