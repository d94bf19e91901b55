"""The table of backbones is true of the networks that it names."""

import pytest
import torch

from sentinode.core.errors import RecipeError
from sentinode.models.backbones import backbone_model, backbones
from sentinode.models.networks.architectures import build_network


# Those whose arguments are their own; the others are architectures of timm as they are.
@pytest.mark.parametrize("name", ["hibou-l", "hibou-b", "midnight-12k", "virchow", "uni2-h", "squeezenet1_1"])
def test_sizes_are_those_of_the_network(name: str) -> None:
    row = backbones()[name]
    with torch.device("meta"):  # shapes without numbers
        network = build_network(row.model, 1)
    head = f"{network.head_name}."
    parameters = sum(value.numel() for key, value in network.named_parameters() if not key.startswith(head))
    assert abs(parameters / 1e6 - row.parameters) <= 0.06
    assert network.embedding_size == row.embedding


def test_every_row_says_what_a_choice_rests_on() -> None:
    for name, row in backbones().items():
        assert row.model.architecture
        restricted = "NC" in row.licence or "non-commercial" in row.licence
        assert bool(row.refused) >= restricted, name
        assert row.input_size == row.model.input_size or row.input_size == 224, name


def test_what_a_licence_restricts_is_not_had_by_a_short_name() -> None:
    assert (backbone_model("hibou-l") or {})["weights"] == "hf-hub:histai/hibou-L"
    assert backbone_model("resnet101") is None
    with pytest.raises(RecipeError, match=r"UNI is under CC-BY-NC-ND-4.0: no commercial use; choose another"):
        backbone_model("uni")
