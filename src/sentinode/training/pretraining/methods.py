"""SimSiam, BYOL and DINO: what two views of an image have in common is learned, without a label.

The losses are lightly's; a method here is the network with what it needs beside it while it learns.
"""

import abc
import copy
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional

from sentinode.core.extras import require
from sentinode.models.networks.network import Network
from sentinode.models.networks.torchvision_ops import register_missing_ops
from sentinode.training.pretraining.pretrain_recipe import PretrainingConfig


class Learned(NamedTuple):
    """What a batch gives."""

    loss: Tensor
    """One number."""
    projection: Tensor
    """(N, P) of the first view, detached: it collapses first."""


class Method(nn.Module, abc.ABC):
    """A network that learns, `student`, and all beside it that learns or is kept from step to step."""

    student: Network

    @property
    def backbone(self) -> Network:
        """The network that is kept."""
        return self.student

    @abc.abstractmethod
    def forward(self, views: list[Tensor]) -> Learned:
        """Views, each (N, 3, S, S), of the same N images."""

    @abc.abstractmethod
    def project(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) → (N, P): what views are compared by."""

    def follow(self, momentum: float) -> None:
        """After a step: the teacher, if there is one, keeps `momentum` of itself and takes the rest of the student."""
        del momentum


class SimSiam(Method):
    """Chen and He 2021 (arXiv:2011.10566): a predictor on one side, no gradient on the other."""

    def __init__(self, network: Network, config: PretrainingConfig) -> None:
        super().__init__()
        size = config.projection_size
        self.student = network
        self.projector = _projector(network.embedding_size, size)
        self.predictor = _mlp(size, max(8, size // 4), size)
        self.similarity = _losses().NegativeCosineSimilarity()

    def forward(self, views: list[Tensor]) -> Learned:
        """−½ (cos(p₁, z₂) + cos(p₂, z₁)), equation 2, z without a gradient."""
        first, second = (self.project(view) for view in views[:2])
        loss = self.similarity(self.predictor(first), second.detach()) / 2
        loss = loss + self.similarity(self.predictor(second), first.detach()) / 2
        return Learned(loss, first.detach())

    def project(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) → (N, P)."""
        projection: Tensor = self.projector(self.student(images)[1])
        return projection


class Byol(SimSiam):
    """Grill et al. 2020 (arXiv:2006.07733): the other side is a slow copy of the network, the teacher."""

    def __init__(self, network: Network, config: PretrainingConfig) -> None:
        super().__init__(network, config)
        self.teacher = _still(nn.ModuleList([network, self.projector]))

    def forward(self, views: list[Tensor]) -> Learned:
        """−½ (cos(p₁, t₂) + cos(p₂, t₁)), equation 2 up to a constant and a factor."""
        first, second = (self.project(view) for view in views[:2])
        with torch.no_grad():
            network, projector = self.teacher
            taught = [projector(network(view)[1]) for view in views[:2]]
        loss = self.similarity(self.predictor(first), taught[1]) / 2
        loss = loss + self.similarity(self.predictor(second), taught[0]) / 2
        return Learned(loss, first.detach())

    def follow(self, momentum: float) -> None:
        """Move the teacher."""
        _move(self.teacher, nn.ModuleList([self.student, self.projector]), momentum)


class Dino(Method):
    """Caron et al. 2021 (arXiv:2104.14294): the student is to give the answers of the teacher, which are centred and
    sharpened, to other views."""

    def __init__(self, network: Network, config: PretrainingConfig) -> None:
        super().__init__()
        self.student = network
        self.head = DinoHead(network.embedding_size, config.projection_size, config.prototypes)
        self.teacher = _still(nn.ModuleList([network, self.head]))
        self.cross_entropy = _losses().DINOLoss(output_dim=config.prototypes)

    @property
    def backbone(self) -> Network:
        """The teacher's, which is the better one (the paper's figure 6)."""
        network = self.teacher[0]
        assert isinstance(network, Network)
        return network

    def forward(self, views: list[Tensor]) -> Learned:
        """Cross-entropy of the student's answers to all views from the teacher's to the first two, equation 3."""
        answers = [self.head(self.student(view)[1]) for view in views]
        with torch.no_grad():
            network, head = self.teacher
            taught = [head(network(view)[1]) for view in views[:2]]
        return Learned(self.cross_entropy(taught, answers), answers[0].detach())

    def project(self, images: Tensor) -> Tensor:
        """(N, 3, S, S) → (N, prototypes)."""
        projection: Tensor = self.head(self.student(images)[1])
        return projection

    def follow(self, momentum: float) -> None:
        """Move the teacher."""
        _move(self.teacher, nn.ModuleList([self.student, self.head]), momentum)


class DinoHead(nn.Module):
    """Three layers to a short vector of length 1, and its cosines with prototypes."""

    def __init__(self, inputs: int, size: int, prototypes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(inputs, 2 * size), nn.GELU(), nn.Linear(2 * size, 2 * size), nn.GELU(), nn.Linear(2 * size, size)
        )
        self.prototypes = nn.Parameter(torch.randn(prototypes, size))

    def forward(self, embedding: Tensor) -> Tensor:
        """(N, D) → (N, prototypes)."""
        short = functional.normalize(self.layers(embedding), dim=1)
        return functional.linear(short, functional.normalize(self.prototypes, dim=1))


_METHODS: dict[str, type[SimSiam | Dino]] = {"simsiam": SimSiam, "byol": Byol, "dino": Dino}


def build_method(network: Network, config: PretrainingConfig) -> Method:
    """The method that the recipe names, around `network`.

    Raises:
        MissingExtraError: lightly is not installed.
    """
    return _METHODS[config.method](network, config)


def _losses() -> Any:
    register_missing_ops()  # lightly imports torchvision
    return require("lightly.loss", extra="pretrain")


def _projector(inputs: int, size: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, size, bias=False), nn.BatchNorm1d(size), nn.ReLU(),
        nn.Linear(size, size, bias=False), nn.BatchNorm1d(size), nn.ReLU(),
        nn.Linear(size, size, bias=False), nn.BatchNorm1d(size, affine=False),
    )  # fmt: skip


def _mlp(inputs: int, hidden: int, outputs: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Linear(inputs, hidden, bias=False), nn.BatchNorm1d(hidden), nn.ReLU(), nn.Linear(hidden, outputs)
    )


def _still(module: nn.ModuleList) -> nn.ModuleList:
    return copy.deepcopy(module).requires_grad_(requires_grad=False)


@torch.no_grad()
def _move(teacher: nn.Module, student: nn.Module, momentum: float) -> None:
    for slow, quick in zip(teacher.parameters(), student.parameters(), strict=True):
        slow.lerp_(quick.detach(), 1 - momentum)
