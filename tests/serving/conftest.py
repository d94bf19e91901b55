"""A small bundle, small slides, images, and apps that serve them."""

from collections.abc import Callable, Iterator
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
from sentinode.serving.serve_config import ServeConfig

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
    folder = tmp_path / "slides"
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
    return ServeConfig(
        bundle=str(bundle.folder),
        state=tmp_path / "state",
        scans=tmp_path / "scans",
        slides=slides,
        engine="openvino",
        scan_niceness=1,  # a busy machine must not make the tests slow
    )


@pytest.fixture
def start(config: ServeConfig, monkeypatch: pytest.MonkeyPatch) -> Iterator[Start]:
    """Starts apps, with changes to `config`; they are stopped at the end."""
    # torch loads slowly on a busy machine
    monkeypatch.setattr("sentinode.serving.predictions.explainer.PATIENCE_S", 600.0)
    clients: list[TestClient] = []

    def run(**changes: Any) -> TestClient:
        from dataclasses import replace

        app = create_app(replace(config, **changes))
        client = TestClient(app, raise_server_exceptions=False)
        client.__enter__()
        clients.append(client)
        assert app.state.service.model.wait(60)
        return client

    yield run
    for client in clients:
        client.__exit__(None, None, None)


@pytest.fixture
def client(start: Start) -> TestClient:
    """A started app."""
    return start()


@pytest.fixture
def besiege(bundle: Bundle, slides: Path, tmp_path: Path) -> Iterator[Besiege]:
    """Starts servers as processes, with more words of the command line, to be attacked; SIGTERM must end each."""
    started: list[Besieged] = []

    def run(*words: str, token: str | None = None) -> Besieged:
        scans = tmp_path / f"scans-{len(started)}"
        started.append(Besieged(Server(bundle, slides, scans, *words), token))
        return started[-1]

    yield run
    for one in started:
        if one.server.process.poll() is None:
            one.end()


@pytest.fixture
def besieged(besiege: Besiege) -> Besieged:
    """A server as a process, to be attacked."""
    return besiege()
