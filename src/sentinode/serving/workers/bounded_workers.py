"""Processes that do what may never end, or take any memory: each job has a deadline, each process a bound."""

import logging
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Hashable
from typing import Any

from sentinode.serving.problems import busy
from sentinode.serving.workers.child_process import ChildProcess

_LOG = logging.getLogger("sentinode.serving")
_REST_S = 30.0
"""For so long a job that was overdue, or has ended its process, is not tried again."""
_SUSPECT_S = 300.0
"""For so long after that, what it belongs to is no longer proven, and is not waited for."""
_PROVEN = 10_000
"""Most things of which it is remembered that a job of theirs was done."""
_PATIENCE_S = 20.0
_COME_AGAIN_S = 5


class WorkerFailedError(Exception):
    """What a job raised in its process: the message, and the type where a user can mend it."""

    def __init__(self, message: str, kind: str | None) -> None:
        super().__init__(message)
        self.kind = kind


class OverdueJobError(Exception):
    """The job took longer than it may, and its process was ended."""


class LostWorkerError(Exception):
    """The process has ended by a fault in a library, or for want of memory."""


class BoundedWorkers:
    """A few processes of one module; whoever asks waits for one that is free.

    One process is kept for what is proven: of which a job was done in time before. So however many files come that take
    all the time that they may, those that were looked at before are served beside them.
    """

    def __init__(self, module: str, count: int, deadline_s: float, memory_bytes: int, niceness: int = 0) -> None:
        """Nothing is started yet.

        Args:
            module: That calls `child_main.serve_jobs`.
            count: Of processes.
            deadline_s: For each job.
            memory_bytes: Most memory that each process may write.
            niceness: How far they stand back behind this process.
        """
        self._free = [ChildProcess(module, niceness, memory_bytes) for _ in range(count)]
        self._all = tuple(self._free)
        self._last: dict[ChildProcess, Hashable] = {}
        self._deadline_s = deadline_s
        self._resting: dict[tuple[Hashable, str], float] = {}
        self._suspects: dict[Hashable, float] = {}
        self._proven: OrderedDict[Hashable, None] = OrderedDict()
        self._serving_unproven = 0
        self._closed = False
        self._changed = threading.Condition()

    @property
    def pids(self) -> list[int]:
        """Numbers of the processes that run."""
        return [one.pid for one in self._all if one.pid is not None]

    def start(self) -> None:
        """Start the processes, so that the first jobs need not wait for their libraries."""
        for one in self._all:
            one.start()

    def close(self) -> None:
        """End the processes; whoever waits for one gets a problem."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        for one in self._all:
            one.end(for_good=True)

    def ask(self, of: Hashable, what: str, job: dict[str, Any], content: bytes = b"") -> dict[str, Any]:
        """What a job gives.

        Args:
            of: What it belongs to, such as a slide: given to the process that had it last, where that is free.
            what: The kind of job: one that failed for `of` rests for a while.
            job: For the module.
            content: Bytes that go with it.

        Raises:
            Problem: 503 where every process is busy, the job rests, or the server ends.
            WorkerFailedError: It has raised something.
            OverdueJobError: It took too long.
            LostWorkerError: Its process has ended.
        """
        unproven = self._enter(of, what)
        try:
            worker = self._taken(of)
            try:
                said = deque(worker.begin(job, content, self._deadline_s), maxlen=1)
                if worker.pid is None:
                    worker.start()  # so that the next job need not wait for its libraries
            finally:
                with self._changed:
                    self._free.append(worker)
                    self._changed.notify_all()
        finally:
            with self._changed:
                self._serving_unproven -= unproven
                self._changed.notify_all()
        return self._result(of, what, said[0] if said else {})

    def everywhere(self, job: dict[str, Any]) -> None:
        """Give every process that runs a job whose result does not matter, one after the other."""
        for one in self._all:
            with self._changed:
                there = self._changed.wait_for(lambda one=one: one in self._free or self._closed, _PATIENCE_S)  # type: ignore[misc]
                if not there or self._closed or one.pid is None:
                    continue
                self._free.remove(one)
            try:
                deque(one.begin(job, deadline_s=self._deadline_s), maxlen=0)
            finally:
                with self._changed:
                    self._free.append(one)
                    self._changed.notify_all()

    def _enter(self, of: Hashable, what: str) -> bool:
        """Whether it is for something unproven, once its turn has come; refused where it rests, or is a suspect's."""
        now, shared = time.monotonic(), len(self._all) - 1
        with self._changed:
            rests = self._resting.get((of, what), 0.0) - now
            if rests > 0:
                raise busy("this took too long, or ended its process, a moment ago", max(1, round(rests)))
            if not shared or of in self._proven:
                return False
            if self._suspects.get(of, 0.0) > now and self._serving_unproven >= shared:
                raise busy("this took too long before, and others are waiting", _COME_AGAIN_S)
            if not self._changed.wait_for(
                lambda: self._serving_unproven < shared or of in self._proven or self._closed, _PATIENCE_S
            ):
                raise busy("every process for this is busy", _COME_AGAIN_S)
            if of in self._proven:  # by another of its views, meanwhile
                return False
            self._serving_unproven += 1
        return True

    def _taken(self, of: Hashable) -> ChildProcess:
        with self._changed:
            there = self._changed.wait_for(lambda: self._free or self._closed, _PATIENCE_S)
            if self._closed:
                raise busy("the server is ending", _COME_AGAIN_S)
            if not there:
                raise busy("every process for this is busy", _COME_AGAIN_S)
            worker = next((one for one in self._free if self._last.get(one) == of), self._free[0])
            self._free.remove(worker)
            self._last[worker] = of
        return worker

    def _result(self, of: Hashable, what: str, result: dict[str, Any]) -> dict[str, Any]:
        if "finished" in result:
            self._prove(of)
            found: dict[str, Any] = result["finished"]
            return found
        if "failed" in result:
            if "places" in result:
                _LOG.error("a worker's job failed: %s", result["places"])
            raise WorkerFailedError(result["failed"], result.get("error"))
        if self._closed:
            raise busy("the server is ending", _COME_AGAIN_S)
        self._remember(of, what)
        if "overdue" in result:
            raise OverdueJobError
        _LOG.error("a worker's process ended unexpectedly; the next job starts another")
        raise LostWorkerError

    def _remember(self, of: Hashable, what: str) -> None:
        now = time.monotonic()
        with self._changed:
            self._resting = {key: end for key, end in self._resting.items() if end > now}
            self._suspects = {key: end for key, end in self._suspects.items() if end > now}
            self._resting[of, what] = now + _REST_S
            self._suspects[of] = now + _SUSPECT_S
            self._proven.pop(of, None)

    def _prove(self, of: Hashable) -> None:
        with self._changed:
            if self._suspects.get(of, 0.0) > time.monotonic():
                return
            self._proven[of] = None
            self._proven.move_to_end(of)
            while len(self._proven) > _PROVEN:
                self._proven.popitem(last=False)
