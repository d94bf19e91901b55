"""The scan worker's process, seen from the server: started when it is needed, spoken to in lines of JSON."""

import contextlib
import json
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

_END_S = 10.0


class WorkerProcess:
    """At most one process, kept from one job to the next so that libraries are loaded once."""

    def __init__(self, niceness: int) -> None:
        """`niceness`: how far the process stands back behind this one, 0 to 19."""
        self._niceness = niceness
        self._process: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int | None:
        """Of the process, if one runs."""
        return self._process.pid if self._process and self._process.poll() is None else None

    def run(self, job: dict[str, Any]) -> Iterator[dict[str, Any]]:
        """Give it a job; yields what it says until its result or, when it was ended, until its output ends."""
        process = self._process
        if process is None or process.poll() is not None:
            # Not through a shell; its group is its own, so that Ctrl-C ends the server first and it with its input.
            process = self._process = subprocess.Popen(
                [sys.executable, "-m", "sentinode.serving.scan_worker", str(self._niceness)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                text=True,
                start_new_session=True,
            )
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(job) + "\n")
            process.stdin.flush()
        except OSError:  # it ended before it could take the job; its output has ended, too
            return
        for line in process.stdout:
            try:
                said = json.loads(line)
            except ValueError:  # a library that prints
                continue
            yield said
            if "finished" in said or "failed" in said:
                return

    def end(self) -> None:
        """End the process now; a scan's progress file stays whole."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait(_END_S)
        for pipe in (process.stdin, process.stdout):
            if pipe:
                with contextlib.suppress(OSError):
                    pipe.close()
