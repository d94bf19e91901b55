"""A worker's process, seen from the server: started when it is needed, spoken to in lines of JSON (see `worker`)."""

import contextlib
import json
import subprocess
import sys
import threading
from collections.abc import Iterator
from typing import Any

_END_S = 10.0


class ChildProcess:
    """At most one process, kept from one job to the next so that libraries are loaded once; one job at a time."""

    def __init__(self, module: str, niceness: int) -> None:
        """A process of `python -m module`; `niceness`: how far the process stands back behind this one, 0 to 19."""
        self._module, self._niceness = module, niceness
        self._process: subprocess.Popen[str] | None = None
        self._reading = False
        self._closed = False
        self._lock = threading.Lock()

    @property
    def pid(self) -> int | None:
        """Number of the process, if one runs."""
        process = self._process
        return process.pid if process and process.poll() is None else None

    def begin(self, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Give it a job; what is returned must be read: what it says until, with `finished` or `failed`, its result.

        Without a result the process has ended: by itself, or by `end`.
        """
        with self._lock:
            if self._closed:
                return iter(())
            if self._process is not None and self._process.poll() is not None:  # while it had nothing to do
                _close(self._process)
                self._process = None
            if self._process is None:
                self._process = self._started()
            process, self._reading = self._process, True
        assert process.stdin is not None
        with contextlib.suppress(OSError):  # it has ended, and so has its output
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
        return self._said(process)

    def end(self, *, for_good: bool = False) -> None:
        """End the process now; what it writes to disk stays whole. The next job starts another, unless `for_good`."""
        with self._lock:
            process, self._process = self._process, None
            reading, self._closed = self._reading, self._closed or for_good
        if process is not None:
            process.kill()
            if not reading:
                _close(process)

    def _started(self) -> subprocess.Popen[str]:
        # Not through a shell. Its process group is its own, so that Ctrl-C ends the server first and it with its input;
        # its session is not: where the kernel groups processes by session (autogroup), niceness counts only within one.
        return subprocess.Popen(
            [sys.executable, "-m", self._module, str(self._niceness)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            encoding="utf-8",
            process_group=0,
        )

    def _said(self, process: subprocess.Popen[str]) -> Iterator[dict[str, Any]]:
        assert process.stdout is not None
        finished = False
        try:
            for line in process.stdout:
                if not line.endswith("\n"):  # cut off by its end
                    return
                said = json.loads(line)
                finished = "finished" in said or "failed" in said
                yield said
                if finished:
                    return
        finally:
            with self._lock:
                self._reading = False
                ended = self._process is not process
                if not finished and not ended:
                    self._process, ended = None, True
            if ended:
                process.kill()
                _close(process)


def _close(process: subprocess.Popen[str]) -> None:
    """After its end: let go of what is left of it."""
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_END_S)
    for pipe in (process.stdin, process.stdout):
        if pipe:
            with contextlib.suppress(OSError):
                pipe.close()
