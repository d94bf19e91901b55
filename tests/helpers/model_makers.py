"""Untrained networks of several kinds, and what their bundles say of them."""

from typing import Any

import torch

from sentinode.core.decision import LowConfidenceBand, OperatingPoint
from sentinode.models.bundle_info import BundleInfo, Classes, Input, Provenance
from sentinode.models.bundle_writer import library_versions
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.normalisation import normalisation
from sentinode.models.preprocessing import Preprocessing

KINDS: dict[str, dict[str, Any]] = {
    "plain": {"architecture": "cnn3"},
    "one-cell": {"architecture": "squeezenet1_1"},
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


def make_deployed(kind: str, temperature: float = 1.3, names: tuple[str, ...] = ()) -> tuple[DeployedModel, BundleInfo]:
    """A fresh untrained model of a kind, and what its bundle says of it; `names` are other classes than the usual."""
    config = ModelConfig.model_validate(KINDS[kind])
    names = names or (("normal", "tumour") if kind != "many-classes" else ("fat", "mucus", "muscle"))
    torch.manual_seed(3)
    network = build_network(config, config.outputs(len(names)), tile_size=TILE_SIZE)
    _warm_norms(network)
    size = config.input_size or TILE_SIZE
    deployed = DeployedModel(
        network,
        Preprocessing(TILE_SIZE, size, *normalisation(config)),
        head=config.head,
        temperature=temperature,
        test_time=config.test_time,
        test_time_sizes=config.test_time_sizes,
    )
    two = len(names) == 2
    info = BundleInfo(
        name=kind,
        classes=Classes(names=names, positive="tumour" if two else None, aliases={"1": names[1]}),
        input=Input(
            tile_size=TILE_SIZE, mpp=0.972, input_size=size, mean=normalisation(config)[0], std=normalisation(config)[1]
        ),
        model=config,
        embedding_size=network.embedding_size,
        precision=config.storage,
        temperature=temperature,
        threshold=OperatingPoint(value=0.4, rule="youden", split="validation") if two else None,
        low_confidence=LowConfidenceBand(low=0.3, high=0.45, quantity="score" if two else "confidence"),
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
                assert tensor is not None
                torch.nn.init.uniform_(tensor, 0.5, 2)
            for tensor in (module.running_mean, module.bias):
                assert tensor is not None
                torch.nn.init.uniform_(tensor, -0.3, 0.3)
