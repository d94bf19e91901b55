"""Tables and commands of docs/features.md and docs/backbones.md: each gives what is promised."""

import re
import shlex
from pathlib import Path

import pytest
import torch

from sentinode.models.backbones import backbones
from sentinode.models.networks.architectures import build_network
from sentinode.training.features.descriptors import DESCRIPTORS, columns_of
from sentinode.training.features.feature_recipe import load_features_recipe

DOCS = Path(__file__).parents[3] / "docs"
PAGE = (DOCS / "features.md").read_text(encoding="utf-8")
COMMANDS = dict(
    re.findall(r"^(\S+) +(\S+ --set .*)$", (DOCS / "backbones.md").read_text(encoding="utf-8"), re.MULTILINE)
)
SHORT = {"Kaiko": "kaiko-l14", "Lunit": "lunit-s8"}


def test_every_backbone_without_a_short_name_has_its_command() -> None:
    refused = {name for name, row in backbones().items() if row.refused}
    assert {SHORT.get(name, name.lower()) for name in COMMANDS} == refused
    assert len(refused) == 8


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_names_the_network_of_its_row(name: str) -> None:
    architecture, *options = shlex.split(COMMANDS[name])
    overrides = [word for word in options if word != "--set"]
    model = load_features_recipe(architecture, source="folder:x", overrides=overrides).features.model
    row = backbones()[SHORT.get(name, name.lower())]
    assert model is not None
    assert (model.architecture, model.weights) == (row.model.architecture, row.model.weights)
    with torch.device("meta"):  # shapes only: the largest would take gigabytes
        network = build_network(model, 1, tile_size=row.input_size)
    head = f"{network.head_name}."
    parameters = sum(value.numel() for key, value in network.named_parameters() if not key.startswith(head))
    assert abs(parameters / 1e6 - row.parameters) <= 0.06
    assert network.embedding_size == row.embedding


def test_numbers_of_the_descriptors() -> None:
    for kind in DESCRIPTORS:
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{kind}`"))
        assert row.endswith(f"| {len(columns_of(kind))} |")
