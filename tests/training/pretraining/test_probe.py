"""Probes on embeddings whose answer is known."""

import numpy as np
import pytest
import torch

from sentinode.core.errors import RecipeError
from sentinode.training.pretraining.pretrain_recipe import ProbeConfig
from sentinode.training.pretraining.probe import chosen_kind, found_again, labelled_probe


@pytest.mark.parametrize("kind", ["logistic", "neighbours"])
@pytest.mark.parametrize("classes", [2, 3])
def test_labelled_probes_see_what_is_in_the_embeddings_and_no_more(kind: str, classes: int) -> None:
    rng = np.random.default_rng(0)
    labels = np.arange(240) % classes
    noise = rng.normal(size=(240, 16)).astype(np.float32)
    told = noise.copy()
    told[np.arange(240), labels] += 6
    assert labelled_probe(kind, told, labels) > 0.98
    assert 0.35 < labelled_probe(kind, noise, labels) < 0.65


def test_found_again_is_the_share_of_nearest_first_views() -> None:
    views = torch.eye(4)
    assert found_again(views, views) == 1
    assert found_again(views, views[[1, 0, 2, 3]]) == 0.5
    assert found_again(torch.ones(4, 3), torch.ones(4, 3)) == 0.25


def test_a_probe_with_labels_needs_them() -> None:
    assert chosen_kind(ProbeConfig(), np.array([0, 1, 0, 1])) == "logistic"
    assert chosen_kind(ProbeConfig(), None) == "found-again"
    assert chosen_kind(ProbeConfig(), np.array([0, 0, 0, 1])) == "found-again"
    with pytest.raises(RecipeError, match=r'needs labels of two classes, .* no labels; set probe.kind = "found-again"'):
        chosen_kind(ProbeConfig(kind="neighbours"), None)
