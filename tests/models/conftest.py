"""Bundles of small untrained models, made once for all tests of this room."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest

from helpers.graphs_once import GraphsOnce
from helpers.model_makers import make_deployed
from sentinode.core.files import sha256_of_file
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_seal import content_sha256
from sentinode.models.bundle_writer import write_bundle


@pytest.fixture(scope="module", autouse=True)
def _every_graph_is_traced() -> Iterator[None]:
    GraphsOnce.always = True
    yield
    GraphsOnce.always = False


@pytest.fixture(scope="session")
def tiles() -> np.ndarray:
    """(37, 30, 30, 3) uint8: smooth blobs of colour, so that models see more than noise."""
    generator = np.random.default_rng(5)
    coarse = generator.integers(0, 256, (37, 5, 5, 3))
    return np.kron(coarse, np.ones((1, 6, 6, 1))).astype(np.uint8)


@pytest.fixture(scope="session")
def bundle_of(tmp_path_factory: pytest.TempPathFactory, tiles: np.ndarray) -> Callable[[str], Bundle]:
    """Bundle of a kind; not to be changed by a test."""
    made: dict[str, Bundle] = {}

    def bundle(kind: str) -> Bundle:
        if kind not in made:
            deployed, info = make_deployed(kind)
            folder: Path = tmp_path_factory.mktemp("bundles") / kind
            reference = {"embedding": np.zeros((5, info.embedding_size), np.float16)}
            made[kind] = write_bundle(folder, info, deployed, example_tiles=tiles[:3], reference=reference)
        return made[kind]

    return bundle


@pytest.fixture
def reseal() -> Callable[[Path], None]:
    """Bring the hashes in a changed bundle's `bundle.json` up to date, as a careful forger would."""

    def seal(folder: Path) -> None:
        path = folder / "bundle.json"
        fields = json.loads(path.read_text())
        fields["files"] = {name: sha256_of_file(folder / name) for name in fields["files"] if "/" not in name}
        fields["sha256"] = content_sha256(fields)
        path.write_text(json.dumps(fields))

    return seal
