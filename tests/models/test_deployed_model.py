import numpy as np
import torch
from torch import Tensor, nn

from sentinode.models.deployed_model import DeployedModel, orientations
from sentinode.models.model_config import ModelConfig
from sentinode.models.networks.architectures import build_network
from sentinode.models.networks.network import Network
from sentinode.models.preprocessing import Preprocessing


class _Linear(Network):
    """Logits that depend on where a pixel is, so that an orientation left out or taken twice shows."""

    embedding_size = 4
    head_name = "head"

    def __init__(self, outputs: int) -> None:
        super().__init__()
        generator = torch.Generator().manual_seed(1)
        self.body = nn.Linear(3 * 6 * 6, 4)
        self.body.weight.data = torch.randn(4, 3 * 6 * 6, generator=generator) / 10
        self.head = nn.Linear(4, outputs)
        self.head.weight.data = torch.randn(outputs, 4, generator=generator)

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        embedding = self.body(images.flatten(1)).tanh()
        return self.head(embedding), embedding


def _tiles() -> Tensor:
    return torch.randint(0, 256, (3, 6, 6, 3), dtype=torch.uint8, generator=torch.Generator().manual_seed(0))


def test_the_eight_orientations_are_the_group_d4() -> None:
    tiles = torch.arange(9.0).reshape(1, 1, 3, 3)
    found = {tuple(each.flatten().tolist()) for each in orientations(tiles)}
    square = np.arange(9.0).reshape(3, 3)
    expected = {tuple(np.rot90(s, k).flatten()) for s in (square, square.T) for k in range(4)}
    assert found == expected
    assert len(found) == 8


def test_d4_is_the_mean_of_the_logits_over_numpy_made_orientations() -> None:
    model = DeployedModel(_Linear(3), Preprocessing(6), head="softmax", temperature=1.7, test_time="d4")
    plain = DeployedModel(model.network, model.preprocessing, head="softmax")
    tiles = _tiles()
    turned = [
        np.rot90(np.flip(tiles.numpy(), 1) if flip else tiles.numpy(), k, axes=(1, 2))
        for flip in (0, 1)
        for k in range(4)
    ]
    each = [plain.logits(torch.from_numpy(np.ascontiguousarray(t))) for t in turned]
    logits = torch.stack([e[0] for e in each]).mean(0)
    probabilities, embedding = model(tiles)
    torch.testing.assert_close(probabilities, torch.softmax(logits / 1.7, 1))
    torch.testing.assert_close(embedding, torch.stack([e[1] for e in each]).mean(0))


def test_d4_does_not_change_when_the_tile_is_turned() -> None:
    model = DeployedModel(_Linear(2), Preprocessing(6), head="softmax", test_time="d4")
    tiles = _tiles()
    torch.testing.assert_close(model(tiles)[0], model(tiles.rot90(1, (1, 2)))[0])


def test_sizes_at_test_time_are_averaged_as_logits_and_as_embeddings() -> None:
    torch.manual_seed(0)
    network = build_network(ModelConfig(architecture="cnn3"), 2)
    tiles = torch.randint(0, 256, (3, 20, 20, 3), dtype=torch.uint8)
    model = DeployedModel(network, Preprocessing(20), head="softmax", test_time_sizes=(26, 30)).eval()
    each = [
        DeployedModel(network, Preprocessing(20, size), head="softmax").eval().logits(tiles) for size in (20, 26, 30)
    ]
    logits, embedding = model.logits(tiles)
    torch.testing.assert_close(logits, torch.stack([part[0] for part in each]).mean(0))
    torch.testing.assert_close(embedding, torch.stack([part[1] for part in each]).mean(0))
    assert not torch.allclose(each[0][0], each[1][0])


def test_one_logit_becomes_two_probabilities() -> None:
    model = DeployedModel(_Linear(1), Preprocessing(6), head="logit", temperature=2.0)
    tiles = _tiles()
    z = model.network(model.preprocessing(tiles))[0][:, 0]
    probabilities = model(tiles)[0]
    torch.testing.assert_close(probabilities[:, 1], torch.sigmoid(z / 2.0))
    torch.testing.assert_close(probabilities.sum(1), torch.ones(3))
