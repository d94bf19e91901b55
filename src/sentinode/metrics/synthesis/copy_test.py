"""Whether drawn images are copies of training images: nearest neighbours, beside those of real images held out."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import mannwhitneyu

from sentinode.core.messages import agree
from sentinode.metrics.synthesis.manifold import NEIGHBOURS, distances

Floats = NDArray[np.float64]
_SLAB = 512
_LEVEL = 0.05
_COPY = 0.5
"""Of the least closeness of a held-out image: nearer than this is no accident of sampling."""


@dataclass(frozen=True)
class CopyTest:
    """What nearest neighbours say."""

    ratio: float
    """Median distance of a drawn image to its nearest training image, over that of a real image held out."""
    p_value: float
    """Of drawn images being no nearer to training images than held-out ones are (one-sided Mann–Whitney)."""
    nearest: NDArray[np.int64]
    """(M,) place of each drawn image's nearest training image."""
    distance: Floats
    """(M,) how far it is."""
    copies: NDArray[np.int64]
    """Places of drawn images that are copies, the nearest first."""
    closeness: Floats
    """(M,) that distance, over the one from that training image to its third nearest other."""
    least_held_out: float
    """The least closeness of a held-out image."""

    @property
    def copied(self) -> bool:
        """Whether the images as a whole are nearer to training images than chance allows, or any is a copy."""
        return self.p_value < _LEVEL or len(self.copies) > 0

    def verdict(self) -> str:
        """In words."""
        count, single = len(self.copies), ""
        if count:
            single = f"{agree(count, 'drawn image is a copy', 'drawn images are copies')} (of {len(self.distance):,})"
        if self.p_value < _LEVEL:
            whole = (
                "drawn images lie nearer to training images than real ones held out do "
                f"(ratio {self.ratio:.2f}, p {_shown(self.p_value)}): the generator copies in part"
            )
            return f"{single}; {whole}" if single else whole
        far = (
            "as a whole drawn images lie no nearer to training images than real ones held out do "
            f"(ratio {self.ratio:.2f}, p {_shown(self.p_value)})"
        )
        return f"{single}; {far}" if single else f"no copy found: {far}"

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "ratio": self.ratio,
            "p_value": self.p_value,
            "copies": self.copies.tolist(),
            "least_closeness_held_out": self.least_held_out,
            "least_closeness_drawn": float(self.closeness.min()),
            "verdict": self.verdict(),
        }


def copy_test(drawn: Floats, learned: Floats, held_out: Floats) -> CopyTest:
    """Test for copies by nearest neighbours.

    As a whole by Meehan et al. 2020 (arXiv:2004.05675), in one cell: are distances from drawn images to the nearest
    training image smaller than those from held-out real images? That finds a generator that copies often; it can't
    find a single copy among many. So an image counts as a copy by itself whose distance to a training image, over that
    image's own distance to its third nearest other, is below half of the least such closeness of a held-out image. Over
    its own distance, because blank patches lie near to each other without being copies.

    A generator whose images are of poor quality lies far from everything: that it passes says nothing for it.

    Args:
        drawn: (M, D) features of the drawn images.
        learned: (N, D) of all images that the generator has learned from.
        held_out: (H, D) of real ones that it has not. None may be a copy of a learned one.

    Raises:
        ValueError: One of the first and last is empty, or fewer than four images were learned from.

    Examples:
        >>> rng = np.random.default_rng(0)
        >>> learned, held_out, drawn = (rng.normal(size=(200, 8)) for _ in range(3))
        >>> drawn[7] = learned[3]
        >>> found = copy_test(drawn, learned, held_out)
        >>> found.copies.tolist(), found.nearest[7]
        ([7], np.int64(3))
    """
    if not len(drawn) or not len(held_out) or len(learned) <= NEIGHBOURS:
        raise ValueError(
            f"{len(drawn)} drawn, {len(learned)} learned and {len(held_out)} held out; give some of each, and at least "
            f"{NEIGHBOURS + 1} learned"
        )
    nearest, distance, closeness = _nearest(drawn, learned)
    _, reference, held_out_closeness = _nearest(held_out, learned)
    least = float(held_out_closeness.min())
    order = np.argsort(closeness, kind="stable")
    return CopyTest(
        ratio=float(np.median(distance) / max(float(np.median(reference)), 1e-12)),
        p_value=float(mannwhitneyu(distance, reference, alternative="less").pvalue),
        nearest=nearest,
        distance=distance,
        copies=order[closeness[order] < _COPY * least],
        closeness=closeness,
        least_held_out=least,
    )


def _nearest(points: Floats, learned: Floats) -> tuple[NDArray[np.int64], Floats, Floats]:
    """Of each point the place of the nearest learned image, how far it is, and its closeness."""
    places, apart = [], []
    for start in range(0, len(points), _SLAB):
        found = distances(points[start : start + _SLAB], learned)
        places.append(found.argmin(axis=1))
        apart.append(found[np.arange(len(found)), places[-1]])
    nearest, distance = np.concatenate(places), np.concatenate(apart)
    asked, back = np.unique(nearest, return_inverse=True)
    own = np.concatenate(
        [
            np.partition(distances(learned[asked[start : start + _SLAB]], learned), NEIGHBOURS, axis=1)[:, NEIGHBOURS]
            for start in range(0, len(asked), _SLAB)
        ]
    )  # the nearest of a learned image is itself
    return nearest, distance, distance / np.maximum(own[back], 1e-12)


def _shown(p_value: float) -> str:
    return "< 0.001" if p_value < 0.001 else f"= {p_value:.3f}"
