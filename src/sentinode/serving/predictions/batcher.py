"""Images of several requests through the model together, with a bounded wait and a bounded queue."""

import asyncio
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

from sentinode.serving.problems import busy

Item = TypeVar("Item")
Result = TypeVar("Result")

_BATCHES_AT_ONCE = 2
"""While one batch is answered and logged, the next one is in the model already."""


@dataclass(eq=False)
class _Waiting(Generic[Item, Result]):
    item: Item
    answer: "asyncio.Future[Result]"


class Batcher(Generic[Item, Result]):
    """A queue before a function that is faster for many items at a time.

    A batch waits for what is known to come (see `coming`), and for as many items as the last batch had and left: those
    clients are likely to be back at once. So a single client never waits, and several don't miss one another by a hair.
    Beside a batch that runs another one begins when it is full, since only then it gains time. No wait is longer than
    `wait_s`. An item whose future was cancelled, because its client is gone, is dropped.
    """

    def __init__(
        self,
        run: Callable[[list[Item]], Sequence[Result | Exception]],
        *,
        most_waiting: int,
        most_at_once: int,
        wait_s: float,
        seen: Callable[[int], None] = lambda _count: None,
    ) -> None:
        """Args:
        run: Items to answers, in their order, or to an error of one item; called in a thread, from two at a time.
        most_waiting: Items that may wait; one more is refused.
        most_at_once: Items of a call.
        wait_s: Longest wait for others, while there is room for another batch.
        seen: Told the number of items of each call.
        """
        self._run, self._seen = run, seen
        self._most_waiting, self._most_at_once, self._wait_s = most_waiting, most_at_once, wait_s
        self._waiting: deque[_Waiting[Item, Result]] = deque()
        self._coming = 0
        self._running = 0
        self._expected = 1
        self._timer: asyncio.TimerHandle | None = None
        self._pool = ThreadPoolExecutor(_BATCHES_AT_ONCE, "model")
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def waiting(self) -> int:
        """Items that wait now, or are known to come."""
        return len(self._waiting) + self._coming

    @contextmanager
    def coming(self, count: int) -> Iterator[Callable[[], None]]:
        """Make room for `count` items that are being decoded; yields what to call as each is submitted or given up.

        Raises:
            Problem: 503, the queue is full.
        """
        if self.waiting + count > self._most_waiting:
            raise busy("the queue for the model is full")
        self._coming += count
        left = count

        def arrived() -> None:
            nonlocal left
            if left:
                left -= 1
                self._coming -= 1

        try:
            yield arrived
        finally:
            self._coming -= left
            self._start()

    def submit(self, item: Item) -> "asyncio.Future[Result]":
        """Add an item, for which `coming` has made room; cancel the future to take it back."""
        waiting = _Waiting[Item, Result](item, asyncio.get_running_loop().create_future())
        self._waiting.append(waiting)
        self._start()
        return waiting.answer

    async def close(self) -> None:
        """Wait for what is in the queue."""
        while self._waiting or self._tasks:
            self._start(at_once=True)
            await asyncio.gather(*self._tasks, return_exceptions=True)
        self._pool.shutdown()

    def _start(self, *, at_once: bool = False) -> None:
        """Begin a batch if there is one to begin."""
        while self._waiting and self._running < _BATCHES_AT_ONCE:
            if len(self._waiting) < self._enough() and not at_once:
                if self._timer is None:
                    self._timer = asyncio.get_running_loop().call_later(self._wait_s, self._waited)
                return
            if self._timer is not None:
                self._timer.cancel()
                self._timer = None
            batch = self._take()
            if batch:
                self._running += 1
                task = asyncio.get_running_loop().create_task(self._answer(batch))
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)

    def _enough(self) -> int:
        """Items for which a batch begins without waiting for more."""
        if self._running:
            return self._most_at_once
        return min(self._most_at_once, max(self._expected, len(self._waiting) + self._coming))

    def _waited(self) -> None:
        self._timer = None
        self._start(at_once=True)

    def _take(self) -> list[_Waiting[Item, Result]]:
        batch: list[_Waiting[Item, Result]] = []
        while self._waiting and len(batch) < self._most_at_once:
            one = self._waiting.popleft()
            if not one.answer.done():  # otherwise its client is gone
                batch.append(one)
        return batch

    async def _answer(self, batch: list[_Waiting[Item, Result]]) -> None:
        self._seen(len(batch))
        loop = asyncio.get_running_loop()
        try:
            answers = await loop.run_in_executor(self._pool, self._run, [one.item for one in batch])
        except Exception as error:  # noqa: BLE001 - it is the error of each of these requests
            for one in batch:
                if not one.answer.done():
                    one.answer.set_exception(error)
        else:
            for one, answer in zip(batch, answers, strict=True):
                if one.answer.done():
                    continue
                if isinstance(answer, Exception):
                    one.answer.set_exception(answer)
                else:
                    one.answer.set_result(answer)
        finally:
            self._running -= 1
            self._expected = len(batch) + len(self._waiting)
            self._start()
