"""The process that scans, a job at a time: `python -m sentinode.serving.workers.scan_child NICENESS MEMORY_BYTES`.

A scan can be cancelled at any moment by ending the process: what it has done is in its progress file.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from sentinode.core.errors import SentinodeError
from sentinode.core.progress import Advance, Progress
from sentinode.serving.workers.child_main import Fields, Say, serve_jobs

_TOLD_S = 0.25
_CACHE_BYTES = 128 << 20


@dataclass(frozen=True)
class Told(Progress):
    """Progress that is told to the server, which ends a scan that says nothing for long."""

    say: Say = print

    @contextmanager
    def bar(self, label: str, total: int | None, unit: str, *, done: int = 0) -> Iterator[Advance]:  # noqa: ARG002
        """Tell `done` and `total`, a few times a second; of work whose amount nobody knows only that it goes on."""
        if total is None:
            self.say({"working": label})
            yield lambda _amount=1, *, note="": self.say({"working": label})  # noqa: ARG005
            return
        start, before, last = time.monotonic(), done, 0.0

        def advance(amount: float = 1, *, note: str = "") -> None:  # noqa: ARG001
            nonlocal done, last
            done += int(amount)
            moment = time.monotonic()
            if moment - last >= _TOLD_S or done == total:
                last = moment
                rate = (done - before) / max(1e-6, moment - start)
                left = (total - done) / rate if rate else None
                self.say({"done": done, "total": total, "tiles_per_second": round(rate, 1), "seconds_left": left})

        self.say({"done": done, "total": total, "tiles_per_second": None, "seconds_left": None})
        yield advance


def scan(job: Fields, say: Say) -> Fields:
    """Scan a slide.

    Raises:
        SentinodeError: It can't be scanned, or takes more memory than this process may write.
    """
    try:
        _scan(job, Told(say=say))
    except MemoryError:
        raise SentinodeError(_too_large(job)) from None
    return {}


def _scan(job: Fields, progress: Progress) -> None:
    from sentinode.scanning.lazy_engine import LazyEngine
    from sentinode.scanning.scan import scan_slide
    from sentinode.scanning.scan_config import ScanConfig
    from sentinode.scanning.scan_queue import read_further
    from sentinode.scanning.second_looker import AUTO
    from sentinode.scanning.second_reading import choose_reading
    from sentinode.scanning.slide_model import open_scanning
    from sentinode.scanning.tiling_config import Machine

    bundle, slide_model = open_scanning(job["bundle"], job["threads"])
    config = ScanConfig.model_validate(job["config"])
    plan = config.resolved(bundle.info)
    machine = Machine(job["threads"], cache_bytes=_CACHE_BYTES)
    engine = LazyEngine(bundle, plan, machine.threads, slide_model)
    # Another process may hold the slide: the worker of a server that was killed, on its way out.
    outcome = scan_slide(engine, Path(job["slide"]), Path(job["out"]), machine, progress, wait=True)
    if outcome.record.status == "failed":
        failure = outcome.record.failure
        raise SentinodeError(_too_large(job) if failure.type == MemoryError.__name__ else failure.message)
    reading = choose_reading(AUTO, AUTO, engine, machine, progress)
    read_further(outcome, engine, Path(job["slide"]), Path(job["out"]), reading)


def _too_large(job: Fields) -> str:
    gib = job["memory_bytes"] / (1 << 30)
    return (
        f"{job['slide']} needs more than the {gib:.3g} GiB of memory that a scan may take; save it as a pyramid in "
        "tiles, or ask the server's operator for more"
    )


if __name__ == "__main__":
    serve_jobs(scan)
