"""A server's process that is attacked, and what it must be again afterwards, by the times that it took when calm."""

import json
import os
import re
import signal
import statistics
import subprocess
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from helpers.pictures import encoded, pixels
from helpers.server_process import FORM, Server, form

HEALTH_S, PREDICTION_S, MEMORY_MIB, END_S = 0.1, 0.2, 200, 10
"""What the server promises after an attack."""
_BUSY = 5
"""A test's machine may be so many times slower than it was when the calm times were taken."""
_STANDS_STILL_S = 15
"""A busy machine makes nobody wait for so long: then the event loop is held."""
_TRIES = 20
_TIMEOUT_S = 120
_LOADS_TORCH = b"explanation_child"
"""Its memory grows by itself while it loads."""


class Besieged:
    """A server with its calm times and memory.

    Args:
        server: Started.
        token: Sent with every request; None: access is off.
    """

    def __init__(self, server: Server, token: str | None = None) -> None:
        self.server, self._token = server.ready(), token
        self._image = form(encoded(pixels(1)))
        for _ in range(3):  # loads what the first request loads
            self.predict()
        self.take_calm()

    def take_calm(self) -> None:
        """Take the times and the memory of now, when nobody attacks."""
        self._health_s = statistics.median(self._times(self.alive, 5))
        self._prediction_s = statistics.median(self._times(self.predict, 5))
        self._mib = self.memory_mib()

    def status(self, method: str, path: str, body: bytes | None = None, kind: str = "application/json") -> int:
        """Of the answer to a request."""
        return self.answer(method, path, body, kind)[0]

    def answer(
        self, method: str, path: str, body: bytes | None = None, kind: str = "application/json"
    ) -> tuple[int, bytes]:
        """(status, body) of the answer to a request."""
        headers = {"Content-Type": kind} if body is not None else {}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token}"
        request = urllib.request.Request(self.server.address + path, body, headers, method=method)
        try:
            with urllib.request.urlopen(request, timeout=_TIMEOUT_S) as answer:
                return answer.status, answer.read()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read()

    def alive(self) -> None:
        status, content = self.answer("GET", "/health/live")
        assert (status, json.loads(content)) == (200, {"status": "alive"})

    def predict(self) -> None:
        status, content = self.answer("POST", "/predict", self._image, FORM)
        assert status == 200, content
        assert json.loads(content)["prediction"] in ("normal", "tumour")

    @contextmanager
    def attacked(self) -> Iterator[None]:
        """Around an attack: `/health/live` is asked all the time, and then everything is as it was.

        Raises:
            AssertionError: It stood still meanwhile, or is not what it was.
        """
        self.server.forget_peak()
        over, waits = threading.Event(), [0.0]

        def watch() -> None:
            while not over.wait(0.1):
                waits.extend(self._times(self.alive, 1))

        watcher = threading.Thread(target=watch, daemon=True)
        watcher.start()
        try:
            yield
        finally:
            over.set()
            watcher.join(_TIMEOUT_S)
        assert not watcher.is_alive(), "/health/live has no answer"
        assert max(waits) < _STANDS_STILL_S, f"/health/live took {max(waits):.1f} s during the attack"
        self.check()

    def check(self) -> None:
        """Health, a prediction and memory are as they were.

        Raises:
            AssertionError: One of them is not.
        """
        self._quick(self.alive, HEALTH_S, self._health_s)
        self._quick(self.predict, PREDICTION_S, self._prediction_s)
        grown = self.memory_mib() - self._mib
        assert grown < MEMORY_MIB, f"{grown:.0f} MiB more than before"

    def memory_mib(self) -> float:
        """Resident memory of the server and of its workers, but of the one that loads torch."""
        pids = [self.server.process.pid]
        for pid in pids:
            pids += [child for child in _children(pid) if _LOADS_TORCH not in _command(child)]
        return sum(_resident_kib(pid) for pid in pids) / 1024

    def peak_mib(self) -> float:
        """Most resident memory of the server's own process since the attack began, above what all had before."""
        return self.server.memory_kib("VmHWM") / 1024 - self._mib

    def end(self) -> None:
        """SIGTERM ends it.

        Raises:
            AssertionError: It does not, or not cleanly.
        """
        try:
            status = self.server.end(patience_s=2 * END_S)
        except subprocess.TimeoutExpired:
            self.server.end(signal.SIGKILL)
            raise AssertionError(f"alive {2 * END_S} s after SIGTERM") from None
        assert status == 0, "".join(self.server.errors[-20:])

    def _quick(self, work: Callable[[], None], promised_s: float, calm_s: float) -> None:
        most = max(promised_s, _BUSY * calm_s)
        for _ in range(_TRIES):
            if (taken := self._times(work, 1)[0]) < most:
                return
        raise AssertionError(f"{work.__name__} took {taken:.2f} s, calm {calm_s:.3f} s")

    @staticmethod
    def _times(work: Callable[[], None], count: int) -> list[float]:
        found = []
        for _ in range(count):
            start = time.perf_counter()
            work()
            found.append(time.perf_counter() - start)
        return found


def _children(pid: int) -> list[int]:
    try:
        return [int(found) for task in Path(f"/proc/{pid}/task").iterdir()
                for found in (task / "children").read_text().split()]  # fmt: skip
    except OSError:  # it has ended meanwhile
        return []


def _command(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    except OSError:
        return b""


def _resident_kib(pid: int) -> int:
    try:
        pages = int(re.split(r"\s+", Path(f"/proc/{pid}/statm").read_text())[1])
    except OSError:
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") // 1024
