"""Each method against its paper's formula, or against a model whose reason is known."""

import numpy as np
import pytest
import torch
from torch import Tensor

from sentinode.explanation.attention import roll_out
from sentinode.explanation.class_activation import contributions, grad_cam, grad_cam_plus_plus, layer_cam
from sentinode.explanation.methods import METHODS
from sentinode.explanation.perturbation import similarity

CORNER = 24


@pytest.fixture
def cells() -> tuple[Tensor, Tensor]:
    """Activations, as after a ReLU, and gradients of both signs: (2, 3, 4, 5)."""
    generator = torch.Generator().manual_seed(0)
    return torch.rand(2, 3, 4, 5, generator=generator), torch.randn(2, 3, 4, 5, generator=generator)


def test_grad_cam_is_equation_1_and_2(cells: tuple[Tensor, Tensor]) -> None:
    activations, gradients = cells
    expected = torch.zeros(2, 4, 5)
    for channel in range(3):
        weight = gradients[:, channel].sum((1, 2)) / (4 * 5)
        expected += weight[:, None, None] * activations[:, channel]
    torch.testing.assert_close(grad_cam(activations, gradients), expected)


def test_grad_cam_plus_plus_has_the_derivatives_of_the_exponential(cells: tuple[Tensor, Tensor]) -> None:
    """With Y = exp(S) and S linear in the maps, by automatic differentiation (equations 19 and 5 of the paper)."""
    activations, slopes = (each[:1].double() for each in cells)
    activations.requires_grad_()
    value = (activations * slopes).sum().exp()
    (first,) = torch.autograd.grad(value, activations, create_graph=True)
    score = value.detach()
    second, third = score * slopes**2, score * slopes**3
    for channel, row, column in [(0, 0, 0), (1, 2, 3), (2, 3, 4)]:
        one = torch.autograd.grad(first[0, channel, row, column], activations, create_graph=True)[0]
        two = torch.autograd.grad(one[0, channel, row, column], activations, create_graph=True)[0]
        torch.testing.assert_close(one[0, channel, row, column], second[0, channel, row, column])
        torch.testing.assert_close(two[0, channel, row, column], third[0, channel, row, column])
    share = second / (2 * second + activations.sum((2, 3), keepdim=True) * third)
    weights = (share * first.relu()).sum((2, 3), keepdim=True)
    expected = (weights * activations).sum(1) / score  # the exponential itself scales the whole map
    torch.testing.assert_close(grad_cam_plus_plus(activations, slopes), expected)


def test_layer_cam_weighs_each_place_by_its_own_positive_gradient(cells: tuple[Tensor, Tensor]) -> None:
    activations, gradients = cells
    expected = sum(activations[:, channel] * gradients[:, channel].clamp(min=0) for channel in range(3))
    torch.testing.assert_close(layer_cam(activations, gradients), expected)


def test_contributions_add_up_to_a_pooled_linear_score(cells: tuple[Tensor, Tensor]) -> None:
    activations, weights = cells[0].requires_grad_(), torch.tensor([2.0, -1.0, 0.5])
    score = (activations.mean((2, 3)) @ weights + activations.amax((2, 3)) @ weights).sum()
    (gradients,) = torch.autograd.grad(score, activations)
    torch.testing.assert_close(contributions(activations, gradients).sum(), score)


def test_attention_is_rolled_out_as_in_the_paper() -> None:
    class Looked:
        num_prefix_tokens, global_pool = 1, "token"

        class patch_embed:  # noqa: N801  # timm's name
            grid_size = (2, 3)

    attentions = [torch.rand(1, 4, 7, 7, generator=torch.Generator().manual_seed(n)).softmax(-1) for n in range(3)]
    expected = torch.eye(7)
    for attention in attentions:
        expected = (0.5 * attention[0].mean(0) + 0.5 * torch.eye(7)) @ expected
    found = roll_out(Looked(), attentions)  # type: ignore[arg-type]
    torch.testing.assert_close(found, expected[0, 1:].reshape(1, 2, 3))


def test_lime_weighs_samples_as_its_authors_do() -> None:
    sharp = torch.tensor([[1.0, 0, 1, 1, 0, 0, 1, 0]])
    everything = torch.ones_like(sharp)
    distance = 1 - torch.nn.functional.cosine_similarity(sharp, everything).item()
    expected = np.sqrt(np.exp(-(distance**2) / 0.25**2))  # lime_image: kernel_width = 0.25, cosine distance
    assert similarity(everything, everything, sharp) == pytest.approx(expected)


class SeesTheCorner:
    """Log-odds: how much of the upper left corner is as in the sharp tile."""

    def __init__(self, tile: np.ndarray) -> None:
        self._tile = tile[:CORNER, :CORNER].astype(float)

    def log_odds(self, tiles: np.ndarray, _target: int) -> np.ndarray:
        differs = np.abs(tiles[:, :CORNER, :CORNER] - self._tile).mean((1, 2, 3))
        return np.asarray(-differs, np.float32)


@pytest.mark.parametrize("name", ["occlusion", "lime"])
def test_methods_that_perturb_find_what_the_model_sees(name: str) -> None:
    mosaic = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)  # SLIC needs edges
    tile = mosaic.repeat(12, axis=0).repeat(12, axis=1)
    map_ = METHODS[name].make(None).maps(SeesTheCorner(tile), tile[None], 0)[0]  # type: ignore[arg-type]
    reached = CORNER + 96 // 6  # a window, or about a superpixel, further
    corner, elsewhere = map_[:CORNER, :CORNER], np.concatenate([map_[reached:].ravel(), map_[:, reached:].ravel()])
    assert corner.mean() > 0
    assert corner.mean() > 5 * np.abs(elsewhere).mean()
