"""A worker's process, seen from the server: started when it is needed, spoken to as `child_main` has it."""

import contextlib
import json
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from typing import Any

from sentinode.serving.workers.child_main import CONTENT, CONTENT_BYTES
from sentinode.serving.workers.timed_pipe import OverdueError, TimedPipe

_START_S = 60.0
"""For loading libraries, on a busy machine."""
_END_S = 10.0


class ChildProcess:
    """At most one process, kept from one job to the next so that libraries are loaded once; one job at a time."""

    def __init__(self, module: str, niceness: int, memory_bytes: int | None = None) -> None:
        """A process of `python -m module`.

        Args:
            module: That calls `child_main.serve_jobs`.
            niceness: How far the process stands back behind this one, 0 to 19.
            memory_bytes: Most memory that it may write; None: no bound.
        """
        self._words = [module, str(niceness), *([str(memory_bytes)] if memory_bytes else [])]
        self._process: subprocess.Popen[bytes] | None = None
        self._fresh = True
        """Whether it has not begun its first job: it may be loading libraries."""
        self._reading = False
        self._closed = False
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Number of the process, if one runs."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def start(self) -> None:
        """Start it now, so that its first job need not wait for its libraries."""
        with self._lock:
            if not self._closed:
                self._running()

    def begin(
        self, job: dict[str, Any], content: bytes = b"", deadline_s: float | None = None, *, renewed: bool = False
    ) -> Iterator[dict[str, Any]]:
        """Give it a job; what is returned must be read: what it says until, with `finished` or `failed`, its result.

        Without a result the process has ended: by itself, or by `end`.

        Args:
            job: For the module.
            content: Bytes that go with it.
            deadline_s: So many seconds after it was begun the process is ended, and `overdue` is what it last said;
                None: never.
            renewed: The time begins anew whenever the process says how far it is.
        """
        with self._lock:
            if self._closed:
                return iter(())
            process, self._reading = self._running(), True
        assert process.stdin is not None
        counted = {CONTENT_BYTES: len(content)} if content else {}
        with contextlib.suppress(OSError):  # it has ended, and so has its output
            process.stdin.write(json.dumps({**job, **counted}).encode() + b"\n" + content)
            process.stdin.flush()
        return self._said(process, deadline_s, renewed=renewed)

    def end(self, *, for_good: bool = False) -> None:
        """End the process now; what it writes to disk stays whole. The next job starts another, unless `for_good`."""
        with self._lock:
            process, self._process = self._process, None
            reading, self._closed = self._reading, self._closed or for_good
        if process is not None:
            process.kill()
            if not reading:
                _close(process)

    def _running(self) -> "subprocess.Popen[bytes]":
        if self._process is not None and self._process.poll() is not None:  # while it had nothing to do
            _close(self._process)
            self._process = None
        if self._process is None:
            self._process, self._fresh = self._started(), True
        return self._process

    def _started(self) -> "subprocess.Popen[bytes]":
        # Not through a shell. Its process group is its own, so that Ctrl-C ends the server first and it with its input;
        # its session is not: where the kernel groups processes by session (autogroup), niceness counts only within one.
        return subprocess.Popen(
            [sys.executable, "-m", *self._words],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            process_group=0,
        )

    def _said(
        self, process: "subprocess.Popen[bytes]", deadline_s: float | None, *, renewed: bool
    ) -> Iterator[dict[str, Any]]:
        assert process.stdout is not None
        pipe = TimedPipe(process.stdout.fileno())
        finished = False
        if deadline_s is not None:
            pipe.end = time.monotonic() + deadline_s + (_START_S if self._fresh else 0)
        try:
            while (said := _next(pipe)) is not None:
                if "begun" in said:
                    self._fresh = False
                if deadline_s is not None and (renewed or "begun" in said):
                    pipe.end = time.monotonic() + deadline_s
                finished = "finished" in said or "failed" in said
                yield said
                if finished:
                    return
        except OverdueError:
            yield {"overdue": True}
        finally:
            with self._lock:
                self._reading = False
                ended = self._process is not process
                if not finished and not ended:
                    self._process, ended = None, True
            if ended:
                process.kill()
                _close(process)


def _next(pipe: TimedPipe) -> dict[str, Any] | None:
    """What the process says next; None when it has ended, in the middle of a line or of bytes, too."""
    line = pipe.line()
    if not line:
        return None
    said: dict[str, Any] = json.loads(line)
    if count := said.pop(CONTENT_BYTES, 0):
        content = pipe.read(count)
        if len(content) < count:
            return None
        said["finished"][CONTENT] = content
    return said


def _close(process: "subprocess.Popen[bytes]") -> None:
    """After its end: let go of what is left of it."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()
