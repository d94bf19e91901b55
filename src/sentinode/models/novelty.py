"""Whether an image is like those that a bundle was trained on, by the sample of them in its `reference.npz`."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from sentinode.core.stain_statistics import STAIN_COLUMNS, stain_statistics
from sentinode.core.tile_quality import QUALITY_COLUMNS, quality_statistics
from sentinode.core.tile_tissue import without_tissue

LEAST_IMAGES = 100
"""Of a reference: the 99th percentile of fewer is a guess."""
INSIDE = 0.99
"""Part of the training images that lies inside, in each respect, where one image is judged."""

TISSUE = "tissue"
"""Said of an image that shows none, whatever the training images are: a model answers of bare glass, too."""
_OF_QUALITY = ("sharpness", "compression")
_NEIGHBOURS = 5
_RIDGE = 0.01


@dataclass(frozen=True, eq=False)
class TrainingRange:
    """What a bundle's training images look like, and how far from it an image may lie.

    In stain, the Mahalanobis distance from their mean; in embedding, the mean cosine distance to the five nearest of
    them (Sun et al. 2022, arXiv:2204.06507); in sharpness and compression, where the bundle has them, their range. The
    limits are percentiles of the training images themselves, each measured against all others.
    """

    stain_mean: NDArray[np.float64]
    """(S,)"""
    stain_precision: NDArray[np.float64]
    """(S, S)"""
    stain_limit: float
    embedding: NDArray[np.float32]
    """(n, D) of length 1."""
    embedding_limit: float
    quality_limits: NDArray[np.float64] | None
    """(2, Q) least and most; None for a bundle without."""

    @classmethod
    def of(cls, reference: dict[str, NDArray[Any]], inside: float = INSIDE) -> Self | None:
        """What a bundle was trained on; None where it tells too few images, or other columns than this version's.

        Args:
            reference: `Bundle.reference()`.
            inside: Part of the training images that lies inside, in each respect.
        """
        columns = tuple(map(str, reference.get("stain_columns", ())))
        if columns != STAIN_COLUMNS or len(reference["stain"]) < LEAST_IMAGES:
            return None
        stain = reference["stain"].astype(np.float64)
        mean, covariance = stain.mean(axis=0), np.cov(stain.T)
        precision = np.asarray(np.linalg.inv(covariance + _RIDGE * np.diag(np.diag(covariance))), np.float64)
        embedding = _unit(reference["embedding"])
        near = _nearest(embedding, embedding, itself=True)
        known = tuple(map(str, reference.get("quality_columns", ()))) == QUALITY_COLUMNS
        tail = (1 - inside) / 2
        return cls(
            stain_mean=mean,
            stain_precision=precision,
            stain_limit=float(np.quantile(_mahalanobis(stain, mean, precision), inside)),
            embedding=embedding,
            embedding_limit=float(np.quantile(near, inside)),
            quality_limits=np.quantile(reference["quality"], [tail, 1 - tail], axis=0) if known else None,
        )

    @property
    def respects(self) -> tuple[str, ...]:
        """In what an image may lie outside of the training images; `TISSUE` comes beside them."""
        return ("stain", "embedding") if self.quality_limits is None else ("stain", "embedding", *_OF_QUALITY)

    def outside(self, images: Sequence[NDArray[np.uint8]], embedding: NDArray[np.float32]) -> list[tuple[str, ...]]:
        """In what each image lies outside: of `respects`, after `TISSUE` where it shows none.

        Args:
            images: N of (H, W, 3) uint8 RGB; they may differ in size.
            embedding: (N, D) by the bundle.
        """
        if not len(images):
            return []
        stain = np.concatenate([stain_statistics(each[None]) for each in images]).astype(np.float64)
        far = {
            TISSUE: np.concatenate([without_tissue(each[None]) for each in images]),
            "stain": _mahalanobis(stain, self.stain_mean, self.stain_precision) > self.stain_limit,
            "embedding": _nearest(_unit(embedding), self.embedding) > self.embedding_limit,
        }
        if self.quality_limits is not None:
            quality = np.concatenate([quality_statistics(each[None]) for each in images])
            low, high = self.quality_limits
            far["sharpness"] = (quality[:, 0] < low[0]) | (quality[:, 0] > high[0])
            far["compression"] = quality[:, 1] > high[1]
        return [tuple(name for name, where in far.items() if where[place]) for place in range(len(images))]


def _unit(embedding: NDArray[Any]) -> NDArray[np.float32]:
    values = embedding.astype(np.float32)
    return np.asarray(values / np.maximum(np.linalg.norm(values, axis=1, keepdims=True), 1e-6))


def _nearest(
    embedding: NDArray[np.float32], reference: NDArray[np.float32], *, itself: bool = False
) -> NDArray[np.float32]:
    """(N) mean cosine distance to the nearest of the reference; `itself`: both are the same, each but for itself."""
    distances = 1 - embedding @ reference.T
    if itself:
        np.fill_diagonal(distances, np.inf)
    return np.asarray(np.partition(distances, _NEIGHBOURS, axis=1)[:, :_NEIGHBOURS].mean(axis=1))


def _mahalanobis(
    values: NDArray[np.float64], mean: NDArray[np.float64], precision: NDArray[np.float64]
) -> NDArray[np.float64]:
    apart = values - mean
    return np.asarray(np.sqrt(np.einsum("ni,ij,nj->n", apart, precision, apart)))
