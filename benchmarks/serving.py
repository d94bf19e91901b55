"""The server against the bare engine: predictions and DeepZoom tiles over HTTP on the loopback.

    python benchmarks/serving.py [--rounds 5] [--requests 1200] [--memory 20000] [--json]

A server is started as a process, with SqueezeNet for tiles of 96 px (random weights, one look) and a slide made for
this. Measured, each as a ratio within one round (bare and served in turn, so that a machine whose speed swings treats
both alike), the median over the rounds:

- predictions a second over HTTP with 32 clients, to those of the bare engine for the same images in an array, and to
  those of the bare engine with decoding the PNGs, in as many threads as the engine has; and the processor time of a
  prediction in each case, which other programs on the machine change less than they do the rates;
- 95th percentile of the latency with 8 clients, to one bare call with the 8 images that they send; and, with clients
  that pause between requests so that on average one of them waits, to one bare call with one image. (8 clients that
  never pause keep 8 images in the queue: with 2 cores their latency is at least 4 calls, whatever the server does.)
- tiles a second that were never asked for before, with 4 clients, to bare reading and encoding in two threads;
- the server's memory after each fifth of `--memory` requests.

Clients are processes of their own that speak HTTP over plain sockets, so that their cost, which falls on the same
processors, is small.
"""

import argparse
import io
import json
import multiprocessing
import os
import re
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.settings import Settings
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import open_engine
from sentinode.serving.serve_config import Limits
from sentinode.serving.slides.deepzoom import Pyramid, slide_tile
from sentinode.serving.uploads.image_upload import decode_upload
from sentinode.slides.mpp import Mpp
from sentinode.slides.pyramid import write_pyramid
from sentinode.slides.slide import open_slide

SIDE = 96
IMAGES = 64
TARGETS = {"throughput": 0.7, "latency": 3.0, "tiles_per_second": 150.0}


def main() -> None:
    """Measure and print."""
    sys.path.insert(0, str(Path(__file__).parent))
    from inference import random_bundle

    options = _options()
    threads = Settings.from_environment().threads
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        bundle = random_bundle(folder / "bundle", "squeezenet1_1", SIDE)
        slide = _slide(folder / "slides")
        engine = open_engine(bundle, "openvino", threads=threads)
        with _Served(bundle.folder, slide.parent, folder / "scans", threads) as server:
            result = _measured(server, engine, slide, options)
    result = {"threads": threads, "rounds": options.rounds, **result, "targets": TARGETS}
    print(json.dumps(result, indent=2) if options.json else _table(result))


def _measured(server: "_Served", engine: Engine, slide: Path, options: argparse.Namespace) -> dict[str, Any]:
    images = _images()
    files = [_png(image) for image in images]
    requests = [_request(file) for file in files]
    rounds: dict[str, list[float]] = {}
    tiles = _tile_paths(slide, server.slide_id)
    share = min(len(tiles) // (options.rounds + 1), options.requests)
    for number in range(options.rounds + 1):
        found = _predictions(server, engine, images, files, requests, options.requests)
        found |= _latency(server, engine, images, requests, options.requests)
        found |= _tiles(server, slide, tiles[number * share : (number + 1) * share])
        if number:  # the first round warms up
            for key, value in found.items():
                rounds.setdefault(key, []).append(value)
    medians = {key: round(statistics.median(values), 3) for key, values in rounds.items()}
    return {**medians, "memory_mib": _memory(server, requests, options.memory)}


def _images() -> NDArray[np.uint8]:
    """Blobs with a grain, whose PNGs have about 20 KB, as those of stained tissue have."""
    generator = np.random.default_rng(0)
    coarse = generator.integers(80, 200, (IMAGES, SIDE // 8, SIDE // 8, 3)).astype(np.uint8)
    grain = generator.normal(0, 10, (IMAGES, SIDE, SIDE, 3)).round()
    blobs: NDArray[Any] = np.kron(coarse, np.ones((1, 8, 8, 1), np.int64))
    return (blobs + grain).clip(0, 255).astype(np.uint8)


def _predictions(
    server: "_Served",
    engine: Engine,
    images: NDArray[np.uint8],
    files: list[bytes],
    requests: list[bytes],
    count: int,
) -> dict[str, float]:
    repeats = max(1, count // len(images))
    bare = _rate(lambda: engine.predict(images), repeats)
    with ThreadPoolExecutor(Settings.from_environment().threads) as pool:
        decoding = _rate(lambda: list(pool.map(lambda part: _decoded_and_run(engine, part), _parts(files))), repeats)
    cpu = server.cpu_s()
    seconds, _ = server.ask(requests, clients=32, count=count)
    cpu = server.cpu_s() - cpu
    served = count / seconds
    return {
        "bare_per_second": bare[0],
        "bare_with_decoding_per_second": decoding[0],
        "served_per_second": served,
        "throughput_ratio": served / bare[0],
        "throughput_ratio_with_decoding": served / decoding[0],
        "bare_cpu_ms": bare[1],
        "bare_with_decoding_cpu_ms": decoding[1],
        "served_cpu_ms": cpu / count * 1e3,
    }


def _decoded_and_run(engine: Engine, files: Sequence[bytes]) -> None:
    limits = Limits()
    engine.predict(np.stack([decode_upload(file, limits) for file in files]))


def _parts(files: list[bytes]) -> list[list[bytes]]:
    """Of as many files as the server runs at a time."""
    size = Limits().images_at_once
    return [files[start : start + size] for start in range(0, len(files), size)]


def _rate(work: Callable[[], object], repeats: int) -> tuple[float, float]:
    """(images a second, processor time of an image in ms)."""
    cpu, start = time.process_time(), time.perf_counter()
    for _ in range(repeats):
        work()
    count = repeats * IMAGES
    return count / (time.perf_counter() - start), (time.process_time() - cpu) / count * 1e3


def _latency(
    server: "_Served", engine: Engine, images: NDArray[np.uint8], requests: list[bytes], count: int
) -> dict[str, float]:
    one, eight = _call(engine, images[:1]), _call(engine, images[:8])
    _, busy = server.ask(requests, clients=8, count=count)
    _, paced = server.ask(requests, clients=8, count=count // 2, pause_s=16 * one)
    return {
        "bare_call_1_ms": one * 1e3,
        "bare_call_8_ms": eight * 1e3,
        "p95_8_clients_ms": _p95(busy) * 1e3,
        "p95_8_clients_to_call_of_8": _p95(busy) / eight,
        "p95_8_paced_clients_to_call_of_1": _p95(paced) / one,
    }


def _tiles(server: "_Served", slide: Path, tiles: Sequence[tuple[str, tuple[int, int, int]]]) -> dict[str, float]:
    half = len(tiles) // 2
    with open_slide(slide, cache_bytes=24 << 20) as opened, ThreadPoolExecutor(2) as pool:
        start = time.perf_counter()
        list(pool.map(lambda tile: slide_tile(opened, *tile[1]), tiles[:half]))
        bare = half / (time.perf_counter() - start)
    rest = [_get(path) for path, _ in tiles[half:]]
    seconds, _ = server.ask(rest, clients=4, count=len(rest))
    served = len(rest) / seconds
    return {"bare_tiles_per_second": bare, "tiles_per_second": served, "tiles_ratio": served / bare}


def _memory(server: "_Served", requests: list[bytes], count: int) -> list[float]:
    """MiB after each fifth of the requests."""
    found = []
    for _ in range(5 if count else 0):
        server.ask(requests, clients=16, count=count // 5)
        found.append(server.memory_mib())
    return found


class _Served:
    """A server process, and the slide's id there."""

    def __init__(self, bundle: Path, slides: Path, scans: Path, threads: int) -> None:
        environment = {**os.environ, "SENTINODE_THREADS": str(threads)}
        words = [str(bundle), "--slides", str(slides), "--scans", str(scans), "--port", "0", "--engine", "openvino"]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "sentinode.cli.main", "serve", *words],
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, env=environment,
        )  # fmt: skip
        assert self._process.stdout is not None
        found = re.search(r":(\d+) ", self._process.stdout.readline())
        assert found is not None
        self._port = int(found[1])
        while not self._get("/")["model_loaded"]:
            time.sleep(0.1)
        self.slide_id = self._get("/slides")["slides"][0]["id"]

    def __enter__(self) -> "_Served":
        return self

    def __exit__(self, *_error: object) -> None:
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(60)

    def ask(
        self, requests: list[bytes], *, clients: int, count: int, pause_s: float = 0.0
    ) -> tuple[float, list[float]]:
        """`count` requests by `clients` connections in two processes; returns the seconds and each latency."""
        context = multiprocessing.get_context("fork")
        results: Any = context.SimpleQueue()
        barrier = context.Barrier(3)
        workers = [
            context.Process(
                target=_clients, args=(self._port, requests, clients // 2, count // 2, pause_s, barrier, results)
            )
            for _ in range(2)
        ]
        for worker in workers:
            worker.start()
        barrier.wait()
        start = time.perf_counter()
        latencies = [*results.get(), *results.get()]
        seconds = time.perf_counter() - start
        for worker in workers:
            worker.join()
        return seconds, latencies

    def memory_mib(self) -> float:
        """Resident memory."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert found is not None
        return round(int(found[1]) / 1024, 1)

    def cpu_s(self) -> float:
        """Processor time of all its threads so far."""
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _get(self, path: str) -> Any:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}{path}") as answer:
            return json.loads(answer.read())


def _clients(
    port: int, requests: list[bytes], clients: int, count: int, pause_s: float, barrier: Any, results: Any
) -> None:
    """Connections in one process, over plain sockets: select, send, receive."""
    import selectors

    generator = np.random.default_rng(os.getpid())
    chooser = selectors.DefaultSelector()
    waiting: list[tuple[float, socket.socket]] = []
    state: dict[socket.socket, tuple[float, bytes]] = {}
    for _ in range(clients):
        opened = socket.create_connection(("127.0.0.1", port))
        opened.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        chooser.register(opened, selectors.EVENT_READ)
        waiting.append((time.perf_counter() + pause_s * generator.random(), opened))
    latencies: list[float] = []
    sent = 0
    barrier.wait()
    while len(latencies) < count:
        now = time.perf_counter()
        for entry in [entry for entry in waiting if entry[0] <= now and sent < count]:
            waiting.remove(entry)
            state[entry[1]] = time.perf_counter(), b""
            entry[1].sendall(requests[sent % len(requests)])
            sent += 1
        for key, _ in chooser.select(0.0005 if waiting and sent < count else 0.05):
            taken: Any = key.fileobj
            began, held = state[taken]
            held += taken.recv(1 << 18)
            state[taken] = began, held
            if _whole(held):
                assert held.startswith(b"HTTP/1.1 200"), held[:300]
                latencies.append(time.perf_counter() - began)
                pause = float(generator.exponential(pause_s)) if pause_s else 0.0
                waiting.append((time.perf_counter() + pause, taken))
    results.put(latencies)


def _whole(answer: bytes) -> bool:
    head, _, body = answer.partition(b"\r\n\r\n")
    found = re.search(rb"content-length: (\d+)", head)
    return found is not None and len(body) >= int(found[1])


def _request(content: bytes) -> bytes:
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n' + content + b"\r\n--b--\r\n"
    head = "POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


def _get(path: str) -> bytes:
    return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()


def _png(image: NDArray[np.uint8]) -> bytes:
    out = io.BytesIO()
    Image.fromarray(image).save(out, "PNG")
    return out.getvalue()


def _slide(folder: Path) -> Path:
    """16,384 × 12,288 px of blobs with a grain."""
    folder.mkdir()
    generator = np.random.default_rng(0)
    width, height = 16_384, 12_288
    grain = generator.integers(0, 40, (512, width, 3)).astype(np.uint8)

    def bands() -> Any:
        for _ in range(height // 512):
            coarse = generator.integers(80, 200, (512 // 32, width // 32, 3)).astype(np.uint8)
            yield np.kron(coarse, np.ones((32, 32, 1), np.uint8)) + np.roll(grain, int(generator.integers(width)), 1)

    path = folder / "slide.tif"
    write_pyramid(path, bands(), width=width, height=height, mpp=Mpp(0.25, 0.25))
    return path


def _tile_paths(slide: Path, slide_id: str) -> list[tuple[str, tuple[int, int, int]]]:
    """Every tile of the two finest levels, in a random order."""
    with open_slide(slide) as opened:
        pyramid = Pyramid(opened.width, opened.height)
    found = []
    for level in (pyramid.last, pyramid.last - 1):
        width, height = pyramid.size(level)
        for row in range(-(-height // 256)):
            for column in range(-(-width // 256)):
                path = f"/slides/{slide_id}/deepzoom_files/{level}/{column}_{row}.jpeg"
                found.append((path, (level, column, row)))
    return [found[number] for number in np.random.default_rng(1).permutation(len(found))]


def _call(engine: Engine, images: NDArray[np.uint8]) -> float:
    """Median seconds of a call."""
    times = []
    for _ in range(15):
        start = time.perf_counter()
        engine.predict(images)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _p95(latencies: list[float]) -> float:
    return float(np.percentile(latencies, 95))


def _table(result: dict[str, Any]) -> str:
    return "\n".join(f"  {key:<36}{value}" for key, value in result.items())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=1200)
    parser.add_argument("--memory", type=int, default=20_000, help="requests; 0: memory is not measured")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


if __name__ == "__main__":
    main()
