"""A small bundle, small slides, images, and apps that serve them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from starlette.testclient import TestClient

from helpers import model_makers, slide_files
from helpers.besieged import Besieged
from helpers.server_process import Server
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_writer import write_bundle
from sentinode.serving.app import create_app
from sentinode.serving.predictions.explainer import Explainer
from sentinode.serving.serve_config import ServeConfig
from sentinode.serving.slides.slide_views import SlideViews

SIDE = 30
"""Pixels of the bundle's tiles."""
Start = Callable[..., TestClient]
Besiege = Callable[..., Besieged]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    """An untrained network for tiles of 30 px at 0.972 µm/px; classes normal and tumour."""
    deployed, info = model_makers.make_deployed("plain")
    tiles = np.random.default_rng(2).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.uint8)
    reference = {"embedding": np.zeros((5, info.embedding_size), np.float16)}
    return write_bundle(
        tmp_path_factory.mktemp("bundles") / "plain", info, deployed, example_tiles=tiles, reference=reference
    )


@pytest.fixture
def slides(tmp_path: Path) -> Path:
    """A folder with one slide, 472 × 328 px at 0.5 µm/px, and its annotation."""
    return _write_slides(tmp_path / "slides")


def _write_slides(folder: Path) -> Path:
    folder.mkdir()
    slide_files.write_tiff(folder / "one.tif", slide_files.pyramid(slide_files.picture(), 3), compression="jpeg")
    ring = "".join(f'<Coordinate Order="{n}" X="{x}" Y="{y}"/>' for n, (x, y) in enumerate([(9, 9), (99, 9), (9, 99)]))
    (folder / "one.xml").write_text(
        '<ASAP_Annotations><Annotations><Annotation Name="a" Type="Polygon" PartOfGroup="Tumor"><Coordinates>'
        f"{ring}</Coordinates></Annotation></Annotations></ASAP_Annotations>"
    )
    return folder


@pytest.fixture
def config(bundle: Bundle, tmp_path: Path, slides: Path) -> ServeConfig:
    """Of a server on the small bundle and the slide."""
    return _config(bundle, tmp_path, slides)


def _config(bundle: Bundle, folder: Path, slides: Path) -> ServeConfig:
    return ServeConfig(
        bundle=str(bundle.folder),
        state=folder / "state",
        scans=folder / "scans",
        slides=slides,
        engine="openvino",
        scan_niceness=1,  # a busy machine must not make the tests slow
    )


@pytest.fixture
def start(config: ServeConfig) -> Iterator[Start]:
    """Starts apps, with changes to `config`; they are stopped at the end."""
    with _starting(config) as run:
        yield run


@pytest.fixture(scope="module")
def start_for_all(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """Starts apps for all tests of a file that change nothing of them."""
    folder = tmp_path_factory.mktemp("shared")
    with _starting(_config(bundle, folder, _write_slides(folder / "slides"))) as run:
        yield run


@pytest.fixture(scope="module")
def shared_client(start_for_all: Start) -> TestClient:
    """One app for all tests of a file that change nothing of it."""
    return start_for_all()


@contextmanager
def _starting(config: ServeConfig) -> Iterator[Start]:
    clients: list[TestClient] = []

    def run(**changes: Any) -> TestClient:
        app = create_app(replace(config, **changes))
        client = TestClient(app, raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        assert app.state.service.model.wait(60)
        return client

    with pytest.MonkeyPatch.context() as patch:
        # torch loads slowly on a busy machine
        patch.setattr("sentinode.serving.predictions.explainer.PATIENCE_S", 600.0)
        # What explains and what draws is started by the first that asks: most tests never do.
        patch.setattr(Explainer, "start", lambda _explainer, _model: None)
        patch.setattr(SlideViews, "start", lambda _views: None)
        try:
            yield run
        finally:
            for client in clients:
                client.__exit__(None, None, None)


@pytest.fixture
def client(start: Start) -> TestClient:
    """A started app."""
    return start()


@pytest.fixture
def besiege(bundle: Bundle, slides: Path, tmp_path: Path) -> Iterator[Besiege]:
    """Starts servers as processes, with more words of the command line, to be attacked; SIGTERM must end each."""
    with _besieging(bundle, slides, tmp_path) as run:
        yield run


@contextmanager
def _besieging(bundle: Bundle, slides: Path, folder: Path) -> Iterator[Besiege]:
    started: list[Besieged] = []

    def run(*words: str, token: str | None = None) -> Besieged:
        scans = folder / f"scans-{len(started)}"
        started.append(Besieged(Server(bundle, slides, scans, *words, light=True), token))
        return started[-1]

    yield run
    for one in started:
        if one.server.process.poll() is None:
            one.end()


@pytest.fixture(scope="module")
def besieged_by_all(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[], Besieged]]:
    """The server of all tests of a file, as it is before an attack; another where a test has ended it."""
    folder = tmp_path_factory.mktemp("besieged")
    with _besieging(bundle, _write_slides(folder / "slides"), folder) as besiege:
        current: list[Besieged] = []

        def get() -> Besieged:
            if not current or current[-1].server.process.poll() is not None:
                current.append(besiege())
            current[-1].take_calm()
            return current[-1]

        yield get


@pytest.fixture
def besieged(besiege: Besiege) -> Besieged:
    """A server as a process, to be attacked."""
    return besiege()
