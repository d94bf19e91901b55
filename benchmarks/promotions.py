"""Promotions and rollbacks while 32 clients ask: no error, every answer bit by bit one of the models', and the latency.

    python benchmarks/promotions.py [--rounds 5] [--moves 20] [--seconds 10] [--json]

A server of an alias is started as a process. Three versions of SqueezeNet for tiles of 96 px (random weights) take
turns: each promotion opens a version that is not open, beside the one that answers; each rollback leads back to the one
before, which still is. In each round the clients ask for `--seconds` while nothing is moved, and then until `--moves`
promotions and rollbacks, evenly spread over as long a time at least, are done. An answer is held against that of the
bare engine of the version that it names; the latency while versions move, its 95th percentile, against that of the calm
part of the same round, the median over the rounds. The clients are threads of two processes, on the same processors.
"""

import argparse
import http.client
import json
import multiprocessing
import os
import re
import signal
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

import numpy as np

from sentinode.models.bundle import Bundle
from sentinode.models.engines.engine_factory import open_engine
from sentinode.registry.alias import Alias
from sentinode.registry.gate import first_report
from sentinode.registry.place import open_registry

CLIENTS = 32
SIDE = 96
_FORM = "multipart/form-data; boundary=b"
ALIAS = Alias("squeezenet1_1", "champion")
Expected = dict[str, list[list[float]]]
"""Version → of each image the probabilities."""


def main() -> None:
    """Measure and print."""
    options = _options()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        versions = _versions(folder)
        images = np.random.default_rng(0).integers(0, 256, (16, SIDE, SIDE, 3)).astype(np.uint8)
        expected = {one.sha256[:12]: _alone(one, images) for one in versions}
        with _Served(folder) as server:
            rounds = [_round(server, versions, images, expected, options) for _ in range(options.rounds)]
    result = _summed(rounds)
    sys.stdout.write(json.dumps(result, indent=2) + "\n" if options.json else _table(result))


def _alone(bundle: Bundle, images: Any) -> list[list[float]]:
    """The bare engine's probabilities, image by image."""
    engine = open_engine(bundle, "openvino")
    return [engine.predict(image[None]).probabilities[0].tolist() for image in images]


def _versions(folder: Path) -> list[Bundle]:
    """Three, of which the alias points to the first."""
    sys.path.insert(0, str(Path(__file__).parent))
    from inference import random_bundle

    versions = [random_bundle(folder / f"bundle-{number}", "squeezenet1_1", SIDE) for number in range(3)]
    with open_registry(folder / "data", make=True) as registry:
        for version in versions:
            registry.add(version, None, "benchmark")
        registry.keep(ALIAS, first_report(versions[0], None), "benchmark")
        registry.promote(ALIAS, versions[0].sha256, "benchmark")
    return versions


def _round(server: "_Served", versions: list[Bundle], images: Any, expected: Expected, options: Any) -> dict[str, Any]:
    calm = _ask(server.port, images, expected, lambda: time.sleep(options.seconds))
    opened: list[float] = []
    kept: list[float] = []

    def move() -> None:
        for number in range(options.moves):
            start = time.monotonic()
            if number % 2:
                server.move("rollback", {"reason": "benchmark"})
            else:
                version = versions[1 + number // 2 % 2].sha256
                server.move("promote", {"version": version, "force": True, "reason": "benchmark"})
            (kept if number % 2 else opened).append(time.monotonic() - start)
            time.sleep(max(0.0, options.seconds / options.moves - (time.monotonic() - start)))

    moving = _ask(server.port, images, expected, move)
    return {"calm": calm, "moving": moving, "promotions_s": opened, "rollbacks_s": kept}


def _ask(port: int, images: Any, expected: Expected, meanwhile: Any) -> dict[str, Any]:
    """What `CLIENTS` were answered while `meanwhile` ran: latencies, errors, wrong answers, answers by version."""
    context = multiprocessing.get_context("spawn")
    stop, results = context.Event(), context.SimpleQueue()
    ready = context.Barrier(3)
    given = (port, images, expected, CLIENTS // 2, stop, ready, results)
    workers = [context.Process(target=_clients, args=given) for _ in range(2)]
    for worker in workers:
        worker.start()
    ready.wait()
    meanwhile()
    stop.set()
    found = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    versions: dict[str, int] = {}
    for one in found:
        for version, count in one["versions"].items():
            versions[version] = versions.get(version, 0) + count
    return {
        "latencies": [latency for one in found for latency in one["latencies"]],
        "errors": [error for one in found for error in one["errors"]],
        "wrong": sum(one["wrong"] for one in found),
        "versions": versions,
    }


def _clients(port: int, images: Any, expected: Expected, clients: int, stop: Any, ready: Any, results: Any) -> None:
    from serving import _png

    bodies = [
        b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + _png(image) + b"\r\n--b--\r\n"
        for image in images
    ]
    found: dict[str, Any] = {"latencies": [], "errors": [], "wrong": 0, "versions": {}}
    lock = threading.Lock()
    ready.wait()

    def ask(number: int) -> None:
        chosen = np.random.default_rng([number, os.getpid()])
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        while not stop.is_set():
            place = int(chosen.integers(len(bodies)))
            start = time.perf_counter()
            try:
                connection.request(
                    "POST", "/predict", bodies[place], {"Content-Type": "multipart/form-data; boundary=b"}
                )
                answer = connection.getresponse()
                said = json.loads(answer.read())
                latency = time.perf_counter() - start
                version = said["model"]["version"]
                right = list(said["probabilities"].values()) == expected[version][place]
            except Exception as error:  # noqa: BLE001 - whatever it is, it is what is counted
                with lock:
                    found["errors"].append(f"{type(error).__name__}: {error}")
                connection.close()
                continue
            with lock:
                found["latencies"].append(latency)
                found["wrong"] += not right
                found["versions"][version] = found["versions"].get(version, 0) + 1

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    results.put(found)


class _Served:
    """A server of the alias, as a process."""

    def __init__(self, folder: Path) -> None:
        words = ["serve", str(ALIAS), "--data", str(folder / "data"), "--port", "0", "--engine", "openvino"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sentinode.cli.main", *words],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
        )  # fmt: skip
        assert self._process.stdout is not None
        found = re.search(r":(\d+) ", self._process.stdout.readline())
        assert found is not None
        self.port = int(found[1])
        while not self._ask("GET", "/")["model_loaded"]:
            time.sleep(0.1)

    def __enter__(self) -> "_Served":
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)

    def move(self, action: str, fields: dict[str, Any]) -> None:
        """Promote or roll back."""
        self._ask("POST", f"/models/{ALIAS.name}/{ALIAS.alias}/{action}", fields)

    def _ask(self, method: str, path: str, fields: dict[str, Any] | None = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        body = json.dumps(fields) if fields else None
        connection.request(method, path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        content = answer.read()
        assert answer.status == 200, content
        connection.close()
        return json.loads(content)


def _summed(rounds: list[dict[str, Any]]) -> dict[str, Any]:
    p95 = [[float(np.percentile(one[part]["latencies"], 95)) * 1e3 for part in ("calm", "moving")] for one in rounds]
    ratios = [moving / calm for calm, moving in p95]
    seconds = {name: [each for one in rounds for each in one[name]] for name in ("promotions_s", "rollbacks_s")}
    return {
        "moves": sum(map(len, seconds.values())),
        "answers": sum(len(one["moving"]["latencies"]) for one in rounds),
        "answers_calm": sum(len(one["calm"]["latencies"]) for one in rounds),
        "errors": sum(len(one[part]["errors"]) for one in rounds for part in ("calm", "moving")),
        "wrong_answers": sum(one[part]["wrong"] for one in rounds for part in ("calm", "moving")),
        "p95_calm_ms": round(statistics.median(calm for calm, _ in p95), 1),
        "p95_moving_ms": round(statistics.median(moving for _, moving in p95), 1),
        "p95_ratio": [round(value, 3) for value in (statistics.median(ratios), min(ratios), max(ratios))],
        "longest_answer_ms": round(max(max(one["moving"]["latencies"]) for one in rounds) * 1e3, 1),
        **{
            name: [round(statistics.median(values), 3), round(max(values), 3)] for name, values in seconds.items()
        },
    }  # fmt: skip


def _table(result: dict[str, Any]) -> str:
    return "".join(f"  {key:<20}{value}\n" for key, value in result.items())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--moves", type=int, default=20, help="promotions and rollbacks in a round; an even number")
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
