"""A server as a process of its own, and clients that may go before they are answered."""

import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from http.client import HTTPException
from pathlib import Path
from typing import Any, Self, TypeVar

from sentinode.models.bundle import Bundle

_T = TypeVar("_T")

BOUNDARY = "b"
FORM = f"multipart/form-data; boundary={BOUNDARY}"
HELD = Path(__file__).with_name("held_server.py")
LIGHT = Path(__file__).with_name("light_server.py")
PATIENCE_S = 600
"""No test judges by time: a busy machine takes as long as it takes."""


def form(content: bytes, name: str = "file", file: str = "a.png") -> bytes:
    """A form with one file."""
    head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"; filename="{file}"\r\n\r\n'.encode()
    return head + content + f"\r\n--{BOUNDARY}--\r\n".encode()


class Server:
    """A `sentinode serve` of its own.

    Args:
        bundle: What is served; or an alias.
        slides: Folder of slides.
        scans: Folder of scans.
        words: More of the command line.
        hold: While this file is there, neither the model nor a view of a slide is run.
        finish_s: How long the server waits for views and explanations at its end, where `hold` is given.
        light: It loads torch only when something is to be explained: seconds of processor time that few tests need.
    """

    def __init__(
        self, bundle: Bundle | str, slides: Path, scans: Path, *words: str, hold: Path | None = None,
        finish_s: float = 20.0, light: bool = False,
    ) -> None:  # fmt: skip
        # What a shell without this variable shows late, a test must not see early.
        served = bundle if isinstance(bundle, str) else str(bundle.folder)
        bare = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
        environment = {**bare, "SENTINODE_THREADS": "1"}
        program = [str(LIGHT)] if light else ["-m", "sentinode.cli.main"]
        program = program if hold is None else [str(HELD), str(hold), str(finish_s)]
        self.process = subprocess.Popen(
            [sys.executable, *program, "serve", served, "--slides", str(slides), "--scans", str(scans),
             "--port", "0", "--engine", "openvino", *words],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment,
        )  # fmt: skip
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self._output, self._log = self.process.stdout, self.process.stderr
        line = self._output.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, (line, self._log.read() if self.process.poll() is not None else "")
        self.port, self.scans = int(found[1]), scans
        self.address = f"http://127.0.0.1:{self.port}"
        self.errors: list[str] = []
        self.more_output: list[str] = []
        self.reader = threading.Thread(target=lambda: self.errors.extend(self._log), daemon=True)
        self.reader.start()

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=PATIENCE_S) as answer:
            return json.loads(answer.read())

    def post(self, path: str, body: bytes, kind: str = "application/json") -> Any:
        request = urllib.request.Request(self.address + path, body, {"Content-Type": kind}, method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE_S) as answer:
            return json.loads(answer.read())

    def predict(self, content: bytes) -> Any:
        return self.post("/predict", form(content), FORM)

    def metric(self, name: str) -> float:
        """The sum of a metric over its labels."""
        with urllib.request.urlopen(f"{self.address}/metrics", timeout=PATIENCE_S) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.split()[-1]) for line in lines if re.match(rf"{re.escape(name)}[ {{]?", line))

    def ask(self, method: str, path: str, body: bytes = b"", kind: str = FORM) -> socket.socket:
        """A request over a plain socket, whose answer nobody waits for yet; closing it is going away."""
        client = socket.create_connection(("127.0.0.1", self.port), timeout=PATIENCE_S)
        head = f"{method} {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\nContent-Type: {kind}\r\n"
        client.sendall(head.encode() + b"Connection: close\r\n\r\n" + body)
        return client

    def wait(self, condition: Callable[[], _T]) -> _T:
        """What `condition` gives, once it is true; a server that isn't there yet, or no longer, is asked again."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            try:
                if found := condition():
                    return found
            except (OSError, HTTPException):
                pass
            time.sleep(0.02)
        raise AssertionError("".join(self.errors[-20:]))

    def ready(self) -> Self:
        self.wait(lambda: self.get("/")["model_loaded"])
        return self

    def worker(self, module: str) -> int | None:
        """The process id of one of its workers."""
        for found in Path("/proc").glob("[0-9]*/stat"):
            try:
                parent = int(found.read_text().rpartition(")")[2].split()[1])
                if parent == self.process.pid and module.encode() in found.with_name("cmdline").read_bytes():
                    return int(found.parent.name)
            except OSError:
                continue
        return None

    def memory_kib(self, name: str) -> int:
        """VmRSS or VmHWM of its process."""
        text = Path(f"/proc/{self.process.pid}/status").read_text()
        found = re.search(rf"^{name}:\s+(\d+) kB", text, re.MULTILINE)
        assert found
        return int(found[1])

    def forget_peak(self) -> None:
        """VmHWM begins anew."""
        Path(f"/proc/{self.process.pid}/clear_refs").write_text("5")

    def end(self, how: signal.Signals = signal.SIGTERM, patience_s: float = PATIENCE_S) -> int:
        self.process.send_signal(how)
        status = self.process.wait(patience_s)
        self.reader.join(PATIENCE_S)
        self.more_output = self._output.readlines()
        self._output.close()
        self._log.close()
        return status

    def complaints(self) -> list[str]:
        """Lines of its log that are no plain record of a request or of its end."""
        return [line for line in self.errors if " INFO " not in line]


def answer_of(client: socket.socket) -> tuple[int, bytes]:
    """(status, body) of what comes over a socket until it is closed."""
    content = b""
    while piece := client.recv(1 << 16):
        content += piece
    client.close()
    head, _, body = content.partition(b"\r\n\r\n")
    return int(head.split()[1]), body
