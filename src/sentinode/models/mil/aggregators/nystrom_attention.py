"""Self-attention of many tokens by way of a few landmarks: linear in their number, not quadratic.

Source: Nyströmformer, Xiong et al. 2021 (arXiv:2102.03902), in the form of the code that TransMIL builds on, without
its convolution over the values.
"""

import torch
from torch import Tensor, nn

_ITERATIONS = 6  # of the pseudo-inverse; the authors' setting


class NystromAttention(nn.Module):
    """Multi-head attention, its matrix approximated; rows need not be positive, nor sum to 1 exactly."""

    def __init__(self, size: int, heads: int, landmarks: int) -> None:
        """Args: H, split over the heads; how many means of neighbouring tokens stand for all."""
        super().__init__()
        self.heads = heads
        self.landmarks = landmarks
        self.projection = nn.Linear(size, 3 * size, bias=False)

    def forward(self, tokens: Tensor) -> tuple[Tensor, Tensor]:
        """(T, H) → the same, and what the first token attends to (T,), the mean over the heads."""
        count = tokens.shape[0]  # not len(), which a graph would hold for ever
        each = (count + self.landmarks - 1) // self.landmarks  # tokens of a landmark
        missing = each * self.landmarks - count
        padded = torch.cat([tokens.new_zeros((missing, tokens.shape[1])), tokens])
        query, key, value = (self._by_head(part) for part in self.projection(padded).chunk(3, dim=1))  # (h, T', d)
        query = query * query.shape[2] ** -0.5
        few_queries, few_keys = (
            part.reshape(self.heads, self.landmarks, each, -1).mean(2) for part in (query, key)
        )  # (h, m, d)
        first = (query @ few_keys.mT).softmax(2)  # (h, T', m)
        second = pseudo_inverse((few_queries @ few_keys.mT).softmax(2))  # (h, m, m)
        third = (few_queries @ key.mT).softmax(2)  # (h, m, T')
        mixed = (first @ second) @ (third @ value)  # (h, T', d)
        of_first = (first[:, missing : missing + 1] @ second) @ third  # (h, 1, T')
        return mixed.transpose(0, 1).flatten(1)[missing:], of_first.mean(0)[0, missing:]

    def _by_head(self, part: Tensor) -> Tensor:
        """(T, H) → (heads, T, H / heads)."""
        return part.reshape(part.shape[0], self.heads, -1).transpose(0, 1)


def pseudo_inverse(matrix: Tensor) -> Tensor:
    """(h, m, m) → nearly the Moore–Penrose inverse of each, by Razavi et al.'s iteration (the paper's equation 11)."""
    size = matrix.abs()
    found = matrix.mT / (size.sum(2).max() * size.sum(1).max())
    one = torch.eye(matrix.shape[-1], device=matrix.device)
    for _ in range(_ITERATIONS):
        product = matrix @ found
        found = 0.25 * found @ (13 * one - product @ (15 * one - product @ (7 * one - product)))
    return found
