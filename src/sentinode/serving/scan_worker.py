"""The process that scans: `python -m sentinode.serving.scan_worker NICENESS`, started by the server, one job at a time.

It takes a job a line (JSON) from standard input, and tells its progress and its result, a line each, on standard
output. A process of its own, because it then has its own interpreter lock and a lower priority than the server, a fault
in an image library ends the scan and not the server, and a scan can be cancelled at any moment by ending the process:
what it has done is in its progress file. It ends when its standard input does, so it never outlives the server.
"""

import json
import os
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sentinode.core.errors import SentinodeError
from sentinode.core.progress import Advance, Progress

_TOLD_S = 0.25
_CACHE_BYTES = 128 << 20
_STOPPED = 130


@dataclass(frozen=True)
class Told(Progress):
    """Progress as lines of JSON."""

    @contextmanager
    def bar(self, label: str, total: int | None, unit: str, *, done: int = 0) -> Iterator[Advance]:  # noqa: ARG002
        """Tell `done` and `total`, a few times a second."""
        start, before, last = time.monotonic(), done, 0.0

        def advance(amount: float = 1, *, note: str = "") -> None:  # noqa: ARG001
            nonlocal done, last
            done += int(amount)
            moment = time.monotonic()
            if moment - last >= _TOLD_S or done == total:
                last = moment
                rate = (done - before) / max(1e-6, moment - start)
                left = ((total or 0) - done) / rate if rate else None
                say({"done": done, "total": total, "tiles_per_second": round(rate, 1), "seconds_left": left})

        say({"done": done, "total": total, "tiles_per_second": None, "seconds_left": None})
        yield advance


def say(fields: dict[str, Any]) -> None:
    """One line."""
    sys.stdout.write(json.dumps(fields) + "\n")
    sys.stdout.flush()


def main() -> None:
    """Take jobs until standard input ends."""
    if hasattr(os, "nice"):
        os.nice(int(sys.argv[1]))
    jobs: list[str] = []
    ready = threading.Condition()

    def read() -> None:
        for line in sys.stdin:
            with ready:
                jobs.append(line)
                ready.notify()
        os._exit(_STOPPED)  # the server is gone; the progress file is whole at every moment

    threading.Thread(target=read, daemon=True).start()
    while True:
        with ready:
            ready.wait_for(lambda: jobs)
            line = jobs.pop(0)
        say(_result(json.loads(line)))


def _result(job: dict[str, Any]) -> dict[str, Any]:
    from sentinode.models.bundle import open_bundle
    from sentinode.scanning.config import Machine, ScanConfig
    from sentinode.scanning.engine import LazyEngine
    from sentinode.scanning.scan import scan_slide

    try:
        config = ScanConfig.model_validate(job["config"])
        bundle = open_bundle(job["bundle"])
        config.tile_spec(bundle.info)
        machine = Machine(job["threads"], cache_bytes=_CACHE_BYTES)
        engine = LazyEngine(bundle, config, machine.threads)
        # Another process may hold the slide: the worker of a server that was killed, on its way out.
        outcome = scan_slide(engine, Path(job["slide"]), Path(job["out"]), config, machine, Told(), wait=True)
    except SentinodeError as error:
        return {"failed": " ".join(str(error).split())}
    if outcome.record.failure:
        return {"failed": outcome.record.failure.message}
    return {"finished": True}


if __name__ == "__main__":
    main()
