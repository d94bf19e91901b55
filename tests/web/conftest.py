"""A real server on two small slides and a small bundle, and the built page in a headless Chromium."""

import json
import os
import re
import shutil
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Page, Request, expect, sync_playwright

from helpers import scan_folders, slide_files
from helpers.model_makers import make_deployed
from helpers.server_process import LIGHT
from sentinode.models.bundle_writer import write_bundle
from sentinode.scanning.file_ends import sha256_of_ends

SIDE = 30
"""Pixels of the bundle's tiles."""
ROOT = Path(__file__).parents[2]
PAGE = ROOT / "src" / "sentinode" / "serving" / "page" / "index.html"
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"]
WAIT_MS = 60_000
"""For what the server computes on a busy machine; nothing waits so long on a free one."""
REFUSED = ("Failed to load resource", "Tile %s failed to load", "HTTP 401 attempting to load")
"""What Chromium and OpenSeadragon say of a refused request."""
LATE = "Ignoring tile %s loaded before reset"
"""OpenSeadragon's note that a tile came after its layer was taken away: no error."""
RING = [(400, 400), (1200, 400), (1200, 1200), (400, 1200)]
"""Corners of the annotation, level-0 pixels."""


class Server:
    """A `sentinode serve` of its own."""

    def __init__(self, bundle: Path, folder: Path, *words: str) -> None:
        # Torch is loaded where a test explains something: it would take seconds of every server.
        command = [sys.executable, str(LIGHT), "serve", str(bundle), "--slides", str(folder / "slides")]
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

    def status(self, path: str) -> int:
        try:
            self.get(path)
        except urllib.error.HTTPError as error:
            return error.code
        return 200

    def ready(self) -> "Server":
        end = time.monotonic() + 120
        while not self.get("/")["model_loaded"]:
            assert time.monotonic() < end
            time.sleep(0.05)
        return self

    def explaining(self) -> "Server":
        """Once what explains is loaded; until then a busy machine is told to come again, and the browser logs that."""
        end = time.monotonic() + 300
        while self.status("/explain/methods") == 503:
            assert time.monotonic() < end
            time.sleep(0.2)
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
    deployed, info = make_deployed("plain")
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


def many_scores() -> np.ndarray:
    """(80, 107) cells of 15 µm: 540 foci, more and more of them below each threshold from 0.6 on."""
    cells = np.full((80, 107), 0.03)
    generator = np.random.default_rng(1)
    for row in range(0, 78, 4):
        for column in range(0, 105, 4):
            cells[row : row + 2, column : column + 2] = generator.uniform(0.6, 0.99)
    return cells


@pytest.fixture(scope="session")
def make_folder(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Path]:
    """Makes a folder with `slides` (one scanned and annotated, one fresh, perhaps one of many lesions) and `scans`."""

    def make(*, many: bool = False) -> Path:
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
        scan_folders.write_scan(folder / "scans" / "known", scores())
        belong(folder, "known")
        if many:
            shutil.copy(slides / "known.tif", slides / "many.tif")
            scan_folders.write_scan(folder / "scans" / "many", many_scores(), width=3200, height=2400, cell_px=30)
            belong(folder, "many", lesion_rule=scan_folders.PLAIN.model_dump())
        return folder

    return make


def belong(folder: Path, name: str, **changes: Any) -> None:
    """The server knows a scan's slide by its name, size and content."""
    path = folder / "scans" / name / "scan.json"
    record = {**json.loads(path.read_text()), **changes}
    slide = folder / "slides" / f"{name}.tif"
    record["slide"] |= {"bytes": slide.stat().st_size, "sha256_of_ends": sha256_of_ends(slide)}
    path.write_text(json.dumps(record))


@pytest.fixture(scope="session")
def start_server(small_bundle: Path) -> Iterator[Callable[..., Server]]:
    """Starts servers, each a few seconds: share them."""
    if not PAGE.is_file():
        pytest.fail("the viewer is not built; run `make page`")
    started: list[Server] = []

    def start(folder: Path, *words: str) -> Server:
        started.append(Server(small_bundle, folder, *words))
        return started[-1].ready()

    yield start
    for one in started:
        one.end()


@pytest.fixture(scope="session")
def server(start_server: Callable[..., Server], make_folder: Callable[..., Path]) -> Server:
    """A server without sign-in, for tests that change nothing; none of its slides has a review."""
    return start_server(make_folder()).explaining()


@pytest.fixture(scope="session")
def lab(
    start_server: Callable[..., Server], make_folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """A server for tests that review, scan and upload; it has a slide of many lesions, and an evaluation report."""
    report = tmp_path_factory.mktemp("report")
    (report / "report.html").write_text("<!doctype html><html lang='en'><title>Report</title><p>Measured.</p></html>")
    table = [
        {"threshold": value, "sensitivity": {"value": 1 - value**2}, "specificity": {"value": value**0.5}}
        for value in (0.01, 0.1, 0.25, 0.5, 0.75, 0.9, 0.99)
    ]
    (report / "metrics.json").write_text(json.dumps({"split": "test", "curves": {"threshold_table": table}}))
    return start_server(make_folder(many=True), "--report", str(report / "report.html"))


KEY = "a-key-of-more-than-sixteen-letters"


@pytest.fixture(scope="session")
def keyed(
    start_server: Callable[..., Server], make_folder: Callable[..., Path], tmp_path_factory: pytest.TempPathFactory
) -> Server:
    """A server that asks for `KEY`."""
    path = tmp_path_factory.mktemp("key") / "key"
    path.write_text(KEY)
    return start_server(make_folder(), "--api-key-file", str(path))


@pytest.fixture(scope="session")
def key() -> str:
    """What `keyed` lets in."""
    return KEY


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """The system's Chromium. While it is open its event loop runs in this process, where no other may then be run."""
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
    """Opens pages; at the end of the test none may have said an error, or asked another host for anything.

    A test's end waits until the server has answered all that its pages sent: what came later would be the next test's.
    """
    complaints: list[str] = []
    contexts: list[BrowserContext] = []
    sent: list[Request] = []

    def answered(request: Request) -> None:
        if request in sent:
            sent.remove(request)

    def open_(address: str, view: str = "", *, refused: bool = False, **options: Any) -> Page:
        # The slide's movements take no time, so that no test has to wait for their end.
        usual = {"viewport": {"width": 1280, "height": 800}, "reduced_motion": "reduce"}
        context = browser.new_context(**{**usual, **options})
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(WAIT_MS)
        # Chromium hands requests over from the first route on: set here, a later route has no request slip past it.
        page.route("**/asked-by-no-page", lambda route: route.abort())

        def said(message: Any) -> None:
            # Chromium writes every refused request to the console; where a refusal is the story, it is no error.
            meant = message.text.startswith(LATE) or (refused and message.text.startswith(REFUSED))
            if message.type in ("error", "warning") and not meant:
                complaints.append(message.text)

        page.on("console", said)
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.on("request", lambda one: one.method in ("GET", "HEAD") or sent.append(one))
        page.on("response", lambda one: answered(one.request))  # of a 204 no "requestfinished" comes
        page.on("requestfailed", answered)
        page.on("request", lambda one: _inside(one.url, address) or complaints.append(f"asked {one.url}"))
        page.goto(f"{address}/{view}")
        return page

    yield open_
    for context in contexts:
        for page in context.pages:
            page.evaluate("0")  # its answer comes after the news of all that the page sent before
    end = time.monotonic() + WAIT_MS / 1000
    while sent and time.monotonic() < end:
        contexts[0].pages[0].wait_for_timeout(20)
    for context in contexts:
        context.close()
    assert sent == [], "never answered"
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
