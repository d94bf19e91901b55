"""The table and the commands of docs/features.md: each names a network that can be built and gives what is promised."""

import re
import shlex
from pathlib import Path

import pytest
import torch

from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.timm_network import own_size
from sentinode.training.features.descriptors import DESCRIPTORS, columns_of
from sentinode.training.features.feature_recipe import load_features_recipe

PAGE = (Path(__file__).parents[3] / "docs" / "features.md").read_text(encoding="utf-8")
COMMANDS = dict(re.findall(r"^(\S+) +(\S+ --set .*)$", PAGE, flags=re.MULTILINE))
ROWS = {
    cells[0].split()[0]: cells
    for line in PAGE.splitlines()
    if len(cells := [cell.strip() for cell in line.strip("|").split("|")]) == 7 and "/" in cells[1]
}


def test_every_row_has_its_command() -> None:
    assert len(ROWS) == 10
    assert list(ROWS) == list(COMMANDS)


@pytest.mark.parametrize("name", ROWS)
def test_a_command_names_the_network_of_its_row(name: str) -> None:
    architecture, *options = shlex.split(COMMANDS[name])
    overrides = [word for word in options if word != "--set"]
    model = load_features_recipe(architecture, source="folder:x", overrides=overrides).features.model
    assert model is not None
    _, tag, _, _, embedding, parameters, onnx = ROWS[name]
    assert model.weights == f"hf-hub:{tag.strip('`')}"
    assert own_size(model) == 224
    with torch.device("meta"):  # shapes only: the largest would take gigabytes
        network = build_network(model, 1, tile_size=224)
    assert network.embedding_size == int(embedding.split()[0])
    count = sum(parameter.numel() for parameter in network.parameters())
    assert f"{count / 1e6:,.0f} M" == parameters
    assert (4 * count < 2**31) == (onnx == "yes")


def test_numbers_of_the_descriptors() -> None:
    for kind in DESCRIPTORS:
        row = next(line for line in PAGE.splitlines() if line.startswith(f"| `{kind}`"))
        assert row.endswith(f"| {len(columns_of(kind))} |")
