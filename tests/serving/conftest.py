"""A small bundle, small slides, images, and apps that serve them."""

import io
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from PIL import Image
from starlette.testclient import TestClient

from sentinode.models.bundle import Bundle
from sentinode.models.bundle_writer import write_bundle
from sentinode.serving.app import create_app
from sentinode.serving.serve_config import ServeConfig

SIDE = 30
"""Pixels of the bundle's tiles."""
Start = Callable[..., TestClient]


@pytest.fixture(scope="session")
def bundle(tmp_path_factory: pytest.TempPathFactory, model_makers: ModuleType) -> Bundle:
    """An untrained network for tiles of 30 px at 0.972 µm/px; classes normal and tumour."""
    deployed, info = model_makers.make_deployed("plain")
    tiles = np.random.default_rng(2).integers(0, 256, (3, SIDE, SIDE, 3)).astype(np.uint8)
    reference = {"embedding": np.zeros((5, info.embedding_size), np.float16)}
    return write_bundle(
        tmp_path_factory.mktemp("bundles") / "plain", info, deployed, example_tiles=tiles, reference=reference
    )


@pytest.fixture
def slides(tmp_path: Path, slide_files: ModuleType) -> Path:
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
    monkeypatch.setattr("sentinode.serving.explainer.PATIENCE_S", 600.0)  # torch loads slowly on a busy machine
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


def pixels(seed: int, width: int = SIDE, height: int = SIDE) -> np.ndarray:
    """Blobs of colour."""
    generator = np.random.default_rng(seed)
    coarse = generator.integers(0, 256, (-(-height // 6), -(-width // 6), 3))
    return np.kron(coarse, np.ones((6, 6, 1))).astype(np.uint8)[:height, :width]


def encoded(image: np.ndarray, kind: str = "PNG", **options: Any) -> bytes:
    """An image as a file."""
    out = io.BytesIO()
    Image.fromarray(image).save(out, kind, **options)
    return out.getvalue()


@pytest.fixture(scope="session")
def make_pixels() -> Callable[..., np.ndarray]:
    """`pixels`, for the tests."""
    return pixels


@pytest.fixture(scope="session")
def encode() -> Callable[..., bytes]:
    """`encoded`, for the tests."""
    return encoded
