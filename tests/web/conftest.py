"""A real server on two small slides and a small bundle, and the built page in a headless Chromium."""

import importlib.util
import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect, sync_playwright

from sentinode.models.bundle_writing import write_bundle

SIDE = 30
"""Pixels of the bundle's tiles."""
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "src" / "sentinode" / "serving" / "page" / "index.html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
WAIT_MS = 60_000
"""For what the server computes on a busy machine; nothing waits so long on a free one."""
RING = [(400, 400), (1200, 400), (1200, 1200), (400, 1200)]
"""Corners of the annotation, level-0 pixels."""


def load(name: str, path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, ROOT / "tests" / path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


class Server:
    """A `sentinode serve` of its own."""

    def __init__(self, bundle: Path, folder: Path, *words: str) -> None:
        command = [sys.executable, "-m", "sentinode.cli.main", "serve", str(bundle), "--slides", str(folder / "slides")]
        command += ["--scans", str(folder / "scans"), "--port", "0", "--engine", "openvino", *words]
        environment = {**os.environ, "SENTINODE_THREADS": "1"}
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
        )
        assert self.process.stdout is not None
        line = self.process.stdout.readline()
        found = re.search(r"http://127\.0\.0\.1:(\d+)", line)
        assert found, (line, self.process.stderr and self.process.stderr.read())
        self.address = f"http://127.0.0.1:{found[1]}"
        self.drain = threading.Thread(target=self._drain, daemon=True)
        self.drain.start()

    def _drain(self) -> None:
        assert self.process.stderr is not None
        for _ in self.process.stderr:
            pass

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.address + path, timeout=60) as answer:
            return json.loads(answer.read())

    def ready(self) -> "Server":
        end = time.monotonic() + 120
        while not self.get("/")["model_loaded"]:
            assert time.monotonic() < end
            time.sleep(0.05)
        return self

    def end(self) -> None:
        self.process.terminate()
        self.process.wait(60)
        self.drain.join(60)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


@pytest.fixture(scope="session")
def small_bundle(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An untrained network for tiles of 30 px at 0.972 µm/px; classes normal and tumour."""
    deployed, info = load("models_conftest", "models/conftest.py").make_deployed("plain")
    tiles = np.random.default_rng(2).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.uint8)
    reference = {"embedding": np.zeros((5, info.embedding_size), np.float16)}
    folder = tmp_path_factory.mktemp("bundles") / "plain"
    return write_bundle(folder, info, deployed, example_tiles=tiles, reference=reference).folder


def scores() -> np.ndarray:
    """(12, 16) cells of 100 µm: two foci on quiet ground."""
    cells = np.full((12, 16), 0.03)
    cells[2:6, 2:6] = 0.98
    cells[7:10, 10:13] = 0.93
    return cells


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """Makes a folder with `slides` (one scanned and annotated, one fresh) and `scans`."""
    slide_files = load("slide_files", "slides/slide_files.py")

    def make() -> Path:
        folder = tmp_path_factory.mktemp("served")
        slides = folder / "slides"
        slides.mkdir()
        levels = slide_files.pyramid(slide_files.picture(3200, 2400), 4)
        slide_files.write_tiff(slides / "known.tif", levels, compression="jpeg")
        levels = slide_files.pyramid(slide_files.picture(1500, 1100), 3)
        slide_files.write_tiff(slides / "fresh.tif", levels, compression="jpeg")
        corners = "".join(f'<Coordinate Order="{n}" X="{x}" Y="{y}"/>' for n, (x, y) in enumerate(RING))
        (slides / "known.xml").write_text(
            '<ASAP_Annotations><Annotations><Annotation Name="a" Type="Polygon" PartOfGroup="Tumor">'
            f"<Coordinates>{corners}</Coordinates></Annotation></Annotations></ASAP_Annotations>"
        )
        load("scan_folders", "scanning/scan_folders.py").write_scan(folder / "scans" / "known", scores())
        # The server knows a scan's slide by its name and size.
        path = folder / "scans" / "known" / "scan.json"
        record = json.loads(path.read_text())
        record["slide"]["bytes"] = (slides / "known.tif").stat().st_size
        path.write_text(json.dumps(record))
        return folder

    return make


@pytest.fixture(scope="session")
def served(make_folder: Callable[[], Path]) -> Path:
    """The folder that `server` serves."""
    return make_folder()


@pytest.fixture(scope="session")
def server(small_bundle: Path, served: Path) -> Iterator[Server]:
    """A server without sign-in, for all tests that leave it as it was or only add to it."""
    if not PAGE.is_file():
        pytest.fail("the viewer is not built; run `make page`")
    started = Server(small_bundle, served).ready()
    yield started
    started.end()


@pytest.fixture(scope="module")
def start_server(small_bundle: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers that a module has for itself."""
    started: list[Server] = []

    def start(folder: Path, *words: str) -> Server:
        started.append(Server(small_bundle, folder, *words).ready())
        return started[-1]

    yield start
    for one in started:
        one.end()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's Chromium."""
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.fail("no Chromium is installed; the browser tests need one: apt-get install chromium")
    expect.set_options(timeout=WAIT_MS)
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=program, args=FLAGS)
        yield chromium
        chromium.close()


@pytest.fixture
def open_page(browser: Browser) -> Iterator[Callable[..., Page]]:
    """Opens pages; at the end of the test none may have said an error, or asked another host for anything."""
    complaints: list[str] = []
    contexts = []

    def open_(address: str, view: str = "", *, refused: bool = False, **options: Any) -> Page:
        context = browser.new_context(**{"viewport": {"width": 1280, "height": 800}, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)

        def said(message: Any) -> None:
            # Chromium writes every refused request to the console; where a refusal is the story, it is no error.
            if message.type in ("error", "warning") and not (refused and "Failed to load resource" in message.text):
                complaints.append(message.text)

        page.on("console", said)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda one: _inside(one.url, address) or complaints.append(f"asked {one.url}"))
        page.goto(f"{address}/{view}")
        return page

    yield open_
    for context in contexts:
        context.close()
    assert complaints == []


def _inside(url: str, address: str) -> bool:
    return url.startswith((address, "data:", "blob:"))


@pytest.fixture
def images(tmp_path: Path) -> list[Path]:
    """Five images of the bundle's size."""
    paths = []
    for seed in range(5):
        coarse = np.random.default_rng(seed).integers(0, 256, (5, 5, 3))
        pixels = np.kron(coarse, np.ones((6, 6, 1))).astype(np.uint8)
        paths.append(tmp_path / f"image-{seed}.png")
        Image.fromarray(pixels).save(paths[-1])
    return paths
