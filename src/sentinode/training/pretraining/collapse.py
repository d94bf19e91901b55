"""Whether a network has begun to answer every image alike, which costs a self-supervised loss nothing.

Two measures of vectors that should differ: their spread, the mean over dimensions of the standard deviation of the
vectors at length 1, times √D, which is 1 where they point everywhere and 0 where all are one (Chen and He 2021,
arXiv:2011.10566, section 4.1); and their effective rank, the exponential of the entropy of the singular values, about
how many directions they use (Roy and Vetterli 2007; as a measure of pretraining Garrido et al. 2023, arXiv:2210.02885).
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

_LEFT = 0.1
"""Of what there was at the start: less is a collapse."""
_LEAST_SPREAD = 1e-3
_LEAST_RANK = 1.5


def spread(vectors: Tensor) -> float:
    """(N, D) → 0 to about 1.

    Examples:
        >>> spread(torch.ones(8, 4))
        0.0
    """
    unit = functional.normalize(vectors.detach().float(), dim=1)
    return float(unit.std(dim=0, correction=0).mean() * unit.shape[1] ** 0.5)


def effective_rank(vectors: Tensor) -> float:
    """(N, D) → 1 to min(N, D): directions that the vectors, at length 1 and less their mean, use.

    Examples:
        >>> round(effective_rank(torch.cat([torch.eye(4), -torch.eye(4)])), 6)
        4.0
    """
    unit = functional.normalize(vectors.detach().float(), dim=1)
    values = torch.linalg.svdvals(unit - unit.mean(dim=0))
    total = values.sum()
    if total <= 1e-6 * len(unit):
        return 1.0
    shares = values / total
    return float(torch.exp(-(shares * torch.log(shares.clamp(min=1e-12))).sum()))


@dataclass(frozen=True)
class Diversity:
    """How different the answers to images are."""

    embedding_spread: float
    embedding_rank: float
    projection_spread: float


def collapsed(now: Diversity, start: Diversity) -> str:
    """What has collapsed, in words; empty: nothing has."""
    said = []
    for name, least in (("embedding_spread", _LEAST_SPREAD), ("embedding_rank", _LEAST_RANK),
                        ("projection_spread", _LEAST_SPREAD)):  # fmt: skip
        found, before = getattr(now, name), getattr(start, name)
        if not found >= max(least, _LEFT * before):  # not a number is a collapse, too
            said.append(f"{name.replace('_', ' ')} {found:.3g} (at the start {before:.3g})")
    return ", ".join(said)
