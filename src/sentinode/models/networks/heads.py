"""Classical classifiers as modules of plain tensors, to stand on a network's embedding inside one exported graph.

Standard operations only: OpenVINO has none of ONNX's operators for trees, support vectors or neighbours.
"""

import abc
from collections.abc import Mapping
from typing import ClassVar

import torch
from torch import Tensor, nn

from sentinode.models.bundle_info import HeadSpec

LEAST_PROBABILITY = 1e-7
"""Votes are turned into logits by their logarithm; a class without a vote is taken to have this probability."""


class ClassicalHead(nn.Module, abc.ABC):
    """Embedding (N, D) float32 → logits (N, K) float32. What it has learned is in its buffers, all of which are saved.

    It stands where the network's linear layer stood, and lets each embedding through there: what it judges is made of
    several of them, over the views and the tiles of an image, by the model around the network.

    Args:
        spec: What is not told by the shapes of the arrays.
        arrays: The buffers, by their names.
    """

    names: ClassVar[tuple[str, ...]]
    """Names of the buffers."""

    def __init__(self, spec: HeadSpec, arrays: Mapping[str, Tensor]) -> None:
        super().__init__()
        self.spec = spec
        for name in self.names:
            self.register_buffer(name, arrays[name].clone())

    def forward(self, embedding: Tensor) -> Tensor:
        """(N, D) → the same, where the network takes it for its logits."""
        return embedding

    @abc.abstractmethod
    def judge(self, embedding: Tensor) -> Tensor:
        """(N, D) → (N, K)."""


class LinearHead(ClassicalHead):
    """Logistic regression and the linear SVM: (x − centre) · weightᵀ + bias, scaling and selection folded in.

    The centre is taken off first: multiplied out, it would cost digits wherever it is large against the spread.
    """

    names = ("centre", "weight", "bias")
    centre: Tensor  # (D,)
    weight: Tensor  # (K, D)
    bias: Tensor  # (K,)

    def judge(self, embedding: Tensor) -> Tensor:
        """(N, D) → (N, K)."""
        return (embedding - self.centre) @ self.weight.T + self.bias


class _ScaledHead(ClassicalHead):
    """What measures distances between scaled features: S of the D columns, (x − centre) · factor + shift.

    The shift holds what float32 rounds off the centre.
    """

    names: ClassVar[tuple[str, ...]] = ("columns", "centre", "factor", "shift", "vectors")
    columns: Tensor  # (S,) int32
    centre: Tensor  # (S,)
    factor: Tensor  # (S,)
    shift: Tensor  # (S,)
    vectors: Tensor  # (M, S), scaled

    def squared_distances(self, embedding: Tensor) -> Tensor:
        """(N, D) → (N, M)."""
        scaled = (embedding.index_select(1, self.columns) - self.centre) * self.factor + self.shift
        lengths = (scaled * scaled).sum(1, keepdim=True), (self.vectors * self.vectors).sum(1)
        return lengths[0] + lengths[1] - 2 * scaled @ self.vectors.T


class RbfSvmHead(_ScaledHead):
    """exp(−γ |x − v|²) · coefficients + bias over the support vectors v."""

    names = (*_ScaledHead.names, "gamma", "coefficients", "bias")
    gamma: Tensor  # ()
    coefficients: Tensor  # (M, K)
    bias: Tensor  # (K,)

    def judge(self, embedding: Tensor) -> Tensor:
        """(N, D) → (N, K)."""
        return torch.exp(-self.gamma * self.squared_distances(embedding)) @ self.coefficients + self.bias


class NeighboursHead(_ScaledHead):
    """The share of each class among the k nearest samples, as logarithms."""

    names = (*_ScaledHead.names, "labels")
    labels: Tensor  # (M,) int32

    def judge(self, embedding: Tensor) -> Tensor:
        """(N, D) → (N, K)."""
        nearest = torch.topk(-self.squared_distances(embedding), self.spec.neighbours, dim=1).indices  # (N, k)
        labels = self.labels.index_select(0, nearest.reshape(-1)).reshape(nearest.shape)
        votes = (
            labels.unsqueeze(2) == torch.arange(self.spec.classes, dtype=torch.int32, device=labels.device)
        ).float()
        return votes.mean(1).clamp(min=LEAST_PROBABILITY).log()


class TreesHead(ClassicalHead):
    """All trees walked at once, level by level (tree traversal, Nakandala et al. 2020, Hummingbird).

    A node sends x[feature] ≤ threshold to `child` and the rest to `child` + 1; a leaf has itself as child and an
    infinite threshold, so that short trees wait for deep ones. Thresholds are of raw features: see
    `sentinode.training.classical.head_conversion`.
    """

    names = ("roots", "feature", "threshold", "child", "leaf", "values", "baseline")
    roots: Tensor  # (T,) int32
    feature: Tensor  # (nodes,) int16 or int32
    threshold: Tensor  # (nodes,) float32
    child: Tensor  # (nodes,) int32
    leaf: Tensor  # (nodes,) int32: row of `values`
    values: Tensor  # (distinct, V): V = K shares of a forest, V = 1 of boosting
    baseline: Tensor  # (K or 1,) of boosting, 0 of a forest

    def judge(self, embedding: Tensor) -> Tensor:
        """(N, D) → (N, K)."""
        at_leaf = self._walk(embedding)  # (N, T, V)
        if self.spec.kind == "forest":
            return at_leaf.mean(1).clamp(min=LEAST_PROBABILITY).log()
        # Trees of one round lie side by side, one for each output.
        outputs = self.baseline.shape[0]
        margins = at_leaf.reshape(-1, at_leaf.shape[1] // outputs, outputs).sum(1) + self.baseline
        return torch.cat([torch.zeros_like(margins), margins], dim=1) if outputs == 1 else margins

    def _walk(self, embedding: Tensor) -> Tensor:
        trees = self.roots.shape[0]
        node = self.roots.expand(embedding.shape[0], trees).reshape(-1)  # (N · T,)
        for _ in range(self.spec.depth):
            feature = self.feature.index_select(0, node).long().reshape(-1, trees)
            right = embedding.gather(1, feature).reshape(-1) > self.threshold.index_select(0, node)
            node = self.child.index_select(0, node) + right.to(torch.int32)
        leaf = self.leaf.index_select(0, node)
        return self.values.index_select(0, leaf).reshape(-1, trees, self.values.shape[1])


_HEADS: dict[str, type[ClassicalHead]] = {
    "linear": LinearHead,
    "rbf-svm": RbfSvmHead,
    "forest": TreesHead,
    "boosting": TreesHead,
    "neighbours": NeighboursHead,
}


def build_head(spec: HeadSpec, arrays: Mapping[str, Tensor]) -> ClassicalHead:
    """The head of a kind from its arrays, as they were made or as a bundle has them.

    Raises:
        KeyError: An array is missing.
    """
    return _HEADS[spec.kind](spec, arrays)


def can_be_halved(model: nn.Module) -> set[str]:
    """Names of the tensors of a model's state dict that may be stored in float16.

    Vectors (biases, statistics) stay in float32, as they are small, and some are beyond float16's range. So does all
    that classical heads hold: a threshold or a distance has no digits to spare.
    """
    found = [name for name, module in model.named_modules() if isinstance(module, ClassicalHead)]
    heads = tuple(f"{name}." if name else "" for name in found)
    return {
        name
        for name, tensor in model.state_dict().items()
        if tensor.is_floating_point() and tensor.ndim >= 2 and not name.startswith(heads)
    }
