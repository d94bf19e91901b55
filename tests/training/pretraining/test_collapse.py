"""A network that answers every image alike is told from one that does not."""

from dataclasses import replace

import pytest
import torch

from sentinode.training.pretraining.collapse import Diversity, collapsed, effective_rank, spread


def test_spread_is_one_where_vectors_point_everywhere_and_zero_where_all_are_one() -> None:
    torch.manual_seed(0)
    assert spread(torch.randn(4000, 32)) == pytest.approx(1, abs=0.02)
    assert spread(torch.ones(50, 32)) == pytest.approx(0, abs=1e-6)
    assert spread(torch.randn(4000, 1) * torch.ones(1, 32)) > 0.9  # two opposite points are no one point


def test_effective_rank_counts_the_directions_that_are_used() -> None:
    torch.manual_seed(0)
    few = torch.randn(500, 3) @ torch.randn(3, 32)
    assert 1.5 < effective_rank(few) <= 3 + 1e-4
    assert effective_rank(torch.randn(500, 32)) > 30
    assert effective_rank(torch.ones(50, 32)) == 1


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({}, ""),
        ({"embedding_spread": 0.02}, "embedding spread 0.02 (at the start 0.3)"),
        ({"embedding_rank": 9.0}, "embedding rank 9 (at the start 100)"),
        ({"projection_spread": float("nan")}, "projection spread nan (at the start 0.9)"),
        ({"embedding_spread": 0.1, "embedding_rank": 30.0}, ""),
    ],
)
def test_a_collapse_is_a_tenth_of_the_start_or_no_number(change: dict[str, float], said: str) -> None:
    start = Diversity(embedding_spread=0.3, embedding_rank=100.0, projection_spread=0.9)
    assert collapsed(replace(start, **change), start) == said


def test_what_was_nothing_from_the_start_is_a_collapse_too() -> None:
    nothing = Diversity(0.0, 1.0, 0.0)
    assert collapsed(nothing, nothing).count("at the start") == 3
