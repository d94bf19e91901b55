"""Where cells lie: held against networks whose geometry is known, and against what really moves a cell."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from torch import nn

from sentinode.explanation.explainable_model import ExplainableModel
from sentinode.explanation.methods import METHODS
from sentinode.explanation.projection import spread, spread_matrix
from sentinode.explanation.receptive_fields import cell_centres
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network


class Branches(nn.Module):
    """A residual branch, a gate from the whole map, a joined one, and a pooling that reaches over the border."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 4, 3, stride=2)
        self.wide = nn.Conv2d(4, 4, 3, padding=2, dilation=2)
        self.narrow = nn.Conv2d(4, 4, 1)
        self.gate = nn.Conv2d(4, 4, 1)
        self.pool = nn.MaxPool2d(3, stride=2, ceil_mode=True)
        self.even = nn.AvgPool2d(2)
        self.cut = nn.Identity()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        maps = self.stem(images)
        maps = maps + self.wide(maps)
        maps = torch.cat([self.narrow(maps), maps * torch.sigmoid(self.gate(maps.mean((2, 3), keepdim=True)))], 1)
        maps = self.even(self.pool(maps))
        return self.cut(maps[:, :, :-1, ::2])


def test_cells_of_a_network_of_known_geometry() -> None:
    found = cell_centres(Branches(), 30, ["stem", "wide", "pool", "even", "cut"])  # type: ignore[arg-type]
    # Pixel 0 reaches from 0 to 1, so a window of 3 from the border has its centre at 1.5.
    assert found["stem"][0] == tuple(1.5 + 2 * number for number in range(14))
    assert found["wide"] == found["stem"]
    assert found["pool"][1] == tuple(3.5 + 4 * number for number in range(7))
    assert found["even"][0] == (5.5, 13.5, 21.5)
    # Rows and columns that no convolution or pooling took away are not followed, but shared out.
    assert found["cut"] == ((7.5, 22.5), (7.5, 22.5))


@pytest.mark.parametrize(
    ("size", "expected"), [(96, [15.5, 31.5, 47.5, 63.5, 79.5]), (112, [15.5, 31.5, 47.5, 63.5, 79.5, 95.5])]
)
def test_cells_of_squeezenet(size: int, expected: list[float]) -> None:
    network = build_network(ModelConfig(architecture="squeezenet1_1"), 2, tile_size=96)
    assert [list(axis) for axis in cell_centres(network.eval(), size, ["features.9"])["features.9"]] == [expected] * 2


def test_cells_of_a_network_that_pads_as_tensorflow_does() -> None:
    network = build_network(ModelConfig(architecture="tf_efficientnet_lite0"), 2, tile_size=96).eval()
    found = cell_centres(network, 136, ["blocks.1", "blocks.2", "blocks.6"])
    # An even side is padded on the right alone before a window of 3, by 1 and 2 before one of 5; an odd one alike.
    assert found["blocks.1"][0][:2] == (3.5, 7.5)
    assert found["blocks.2"][1][:2] == (7.5, 15.5)
    assert found["blocks.6"][0] == (7.5, 39.5, 71.5, 103.5, 135.5)


@pytest.mark.parametrize("architecture", ["cnn3", "squeezenet1_1", "test_resnet", "tf_efficientnet_lite0"])
def test_an_inner_cell_is_moved_most_by_what_lies_around_its_centre(architecture: str) -> None:
    """The mean position of the gradient at the image is the centre of the receptive field."""
    size = 112
    network = build_network(ModelConfig(architecture=architecture), 2, tile_size=size).eval()
    for module in network.modules():
        if isinstance(module, nn.Conv2d):  # alike in every direction, so that the mean lies in the middle
            nn.init.constant_(module.weight, 1 / module.weight[0].numel())
            if module.bias is not None:
                nn.init.zeros_(module.bias)
    layer = {
        "cnn3": "features.block3",
        "squeezenet1_1": "features.7",
        "test_resnet": "layer2",
        "tf_efficientnet_lite0": "blocks.2",
    }[architecture]
    centres = cell_centres(network, size, [layer])[layer][0]
    gathered: list[torch.Tensor] = []
    handle = network.get_submodule(layer).register_forward_hook(lambda *given: gathered.append(given[2]))
    # Of many noisy images: a maximum passes on the gradient of one pixel only.
    images = torch.rand(8, 3, size, size, generator=torch.Generator().manual_seed(0)).requires_grad_()
    network(images)
    handle.remove()
    middle = len(centres) // 2
    (gradient,) = torch.autograd.grad(gathered[0][:, :, middle, middle].sum(), images)
    weights = gradient.abs().sum((0, 1, 3)).numpy()
    assert weights @ (np.arange(size) + 0.5) / weights.sum() == pytest.approx(centres[middle], abs=1.5)


def test_spreading_keeps_sums_and_is_strongest_at_the_centres() -> None:
    rows, columns = (15.5, 31.5, 47.5, 63.5, 79.5), (10.0, 30.0)
    cells = np.random.default_rng(0).random((3, 5, 2)).astype(np.float32)
    maps = spread(cells, rows, columns, 96, 40)
    assert maps.shape == (3, 96, 40)
    np.testing.assert_allclose(maps.sum((1, 2)), cells.sum((1, 2)), rtol=1e-5)
    for number, centre in enumerate(rows):
        one = spread_matrix(rows, 96)[:, number]
        assert one[int(centre)] == one.max()
        assert (one[np.abs(np.arange(96) + 0.5 - centre) > 16] == 0).all() or number in (0, 4)
    np.testing.assert_allclose(spread_matrix((48.0,), 96), 1 / 96)
    np.testing.assert_allclose(spread_matrix(tuple(0.3 * number + 0.1 for number in range(30)), 9).sum(0), 1)


@pytest.mark.parametrize("name", ["gradcam", "gradcam++", "layercam"])
def test_a_map_turns_with_its_tile_where_all_orientations_are_averaged(
    opened_of: Callable[[str], ExplainableModel], tiles: np.ndarray, name: str
) -> None:
    model, explainer = opened_of("logit-d4-half"), METHODS[name].make(None)
    maps = explainer.maps(model, tiles, 1)
    for turn in (lambda each: each[:, ::-1], lambda each: each.swapaxes(1, 2)):
        turned = explainer.maps(model, np.ascontiguousarray(turn(tiles)), 1)
        np.testing.assert_allclose(turned, turn(maps), atol=1e-3 * np.abs(maps).max())
