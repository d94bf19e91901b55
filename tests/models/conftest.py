"""Bundles of small untrained models, made once for all tests of this room."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from sentinode.core.files import sha256_of_file
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_info import BundleInfo, Classes, Input, LowConfidence, Provenance, Threshold
from sentinode.models.bundle_writer import library_versions, write_bundle
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network
from sentinode.models.preprocessing import Preprocessing

KINDS: dict[str, dict[str, Any]] = {
    "plain": {"architecture": "cnn3"},
    "many-classes": {"architecture": "cnn3", "pooling": ["max", "mean"]},
    "logit-d4-half": {
        "architecture": "squeezenet1_1",
        "head": "logit",
        "test_time": "d4",
        "test_time_sizes": [30, 40],
        "storage": "float16",
        "pooling": ["mean", "max", "centre"],
        "input_size": 48,
    },
    "batch-norm-half": {"architecture": "test_resnet", "storage": "float16"},
    "transformer": {"architecture": "test_vit", "input_size": 32, "mean": [0.5] * 3, "std": [0.5] * 3},
}
TILE_SIZE = 30


@pytest.fixture(scope="session")
def tiles() -> np.ndarray:
    """(37, 30, 30, 3) uint8: smooth blobs of colour, so that models see more than noise."""
    generator = np.random.default_rng(5)
    coarse = generator.integers(0, 256, (37, 5, 5, 3))
    return np.kron(coarse, np.ones((1, 6, 6, 1))).astype(np.uint8)


def make_deployed(kind: str, temperature: float = 1.3) -> tuple[DeployedModel, BundleInfo]:
    """An untrained model of a kind, and what its bundle says of it."""
    config = ModelConfig.model_validate(KINDS[kind])
    names = ("normal", "tumour") if kind != "many-classes" else ("fat", "mucus", "muscle")
    torch.manual_seed(3)
    network = build_network(config, config.outputs(len(names)), tile_size=TILE_SIZE)
    _warm_norms(network)
    size = config.input_size or TILE_SIZE
    deployed = DeployedModel(
        network,
        Preprocessing(TILE_SIZE, size, config.mean, config.std),
        head=config.head,
        temperature=temperature,
        test_time=config.test_time,
        test_time_sizes=config.test_time_sizes,
    )
    two = len(names) == 2
    info = BundleInfo(
        name=kind,
        classes=Classes(names=names, positive="tumour" if two else None, aliases={"1": names[1]}),
        input=Input(tile_size=TILE_SIZE, mpp=0.972, input_size=size, mean=config.mean, std=config.std),
        model=config,
        embedding_size=network.embedding_size,
        precision=config.storage,
        temperature=temperature,
        threshold=Threshold(value=0.4, rule="youden", split="validation") if two else None,
        low_confidence=LowConfidence(low=0.3, high=0.45, quantity="score" if two else "confidence"),
        provenance=Provenance(
            recipe={},
            recipe_sha256="a" * 64,
            data_sha256="b" * 64,
            split_sha256="c" * 64,
            libraries=library_versions(),
            created="2026-01-02T03:04:05+00:00",
        ),
    )
    return deployed, info


def _warm_norms(network: torch.nn.Module) -> None:
    """Statistics and factors that differ from one and zero, so that a batch norm left out would show."""
    for module in network.modules():
        if isinstance(module, torch.nn.BatchNorm2d):
            for tensor in (module.running_var, module.weight):
                torch.nn.init.uniform_(tensor, 0.5, 2)
            for tensor in (module.running_mean, module.bias):
                torch.nn.init.uniform_(tensor, -0.3, 0.3)


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
        fields["files"] = {name: sha256_of_file(folder / name) for name in fields["files"]}
        path.write_text(json.dumps(fields))

    return seal


@pytest.fixture(scope="session")
def deployed_of() -> Callable[[str], tuple[DeployedModel, BundleInfo]]:
    """A fresh untrained model of a kind, and what its bundle says of it."""
    return make_deployed
