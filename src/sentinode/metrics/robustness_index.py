"""Do embeddings lie together by class, or by the centre that they come from? The robustness index of PathoROB.

Kömen et al., Towards robust foundation models for digital pathology (2025, arXiv:2507.17845): among the k nearest
neighbours of every image, those of its class from another centre, against those of another class from its own centre.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import EvaluationError
from sentinode.core.metric import Metric

NEIGHBOURS = (1, 3, 5, 7, 9, 11, 21, 31, 41, 51, 61, 71, 81, 91, 101)
"""Numbers of neighbours that are tried: odd ones, as PathoROB has them, up to about a hundred."""

_BLOCK = 1024
_DRAWS = 1000
_SHOWN = 3
Integers = NDArray[np.int64]


@dataclass(frozen=True)
class RobustnessIndex:
    """How much neighbours of an embedding owe to the class, and how much to the centre."""

    index: Metric
    """1: neighbours that differ in one thing share the class; 0: they share the centre; 0.5: both count alike."""
    k: int
    """Neighbours of each image."""
    shares: dict[str, float]
    """Of all neighbours: `class and centre`, `class alone`, `centre alone`, `neither` shared; they sum to 1."""
    accuracy: float
    """Balanced accuracy of the class that most of the k neighbours have."""
    curve: tuple[tuple[int, float], ...]
    """The index for each k that was tried; one where no neighbour shares just one thing is left out."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "robustness_index": self.index.to_json(),
            "k": self.k,
            "shares": self.shares,
            "knn_balanced_accuracy": self.accuracy,
            "curve": [list(point) for point in self.curve],
        }


def robustness_index(
    embeddings: NDArray[np.floating],
    classes: Sequence[str] | NDArray[Any],
    centres: Sequence[str] | NDArray[Any],
    *,
    slides: Sequence[str] | NDArray[Any] | None = None,
    k: int | None = None,
    seed: int = 0,
) -> RobustnessIndex:
    """The robustness index of embeddings, with a bootstrap interval over slides.

    Distances are Euclidean between embeddings of length 1, which orders neighbours as the cosine does. Images of an
    image's own slide are no neighbours of it. Without slides each image is its own.

    Args:
        embeddings: (N, D).
        classes: (N,) what ought to count.
        centres: (N,) what ought not to.
        slides: (N,) slide or patient of each image.
        k: Neighbours; None: of `NEIGHBOURS` the number by which the class is told best (balanced accuracy), the first
            of equals.
        seed: Of the bootstrap.

    Examples:
        >>> import numpy as np
        >>> places = np.array([[1, 0], [1, 0.1], [0, 1], [0.1, 1]])
        >>> robustness_index(places, ["a", "a", "b", "b"], ["x", "y", "x", "y"], k=1).index.value
        1.0

    Raises:
        EvaluationError: Lengths differ, there is one class or one centre, an embedding is zero or not finite, or an
            image has fewer than k neighbours from other slides.
    """
    vectors = _unit(np.asarray(embeddings, np.float64))
    names, codes = _coded(vectors, classes, centres, slides)
    tried = [each for each in NEIGHBOURS if each <= _least_neighbours(codes[2])] if k is None else [k]
    if not tried or tried[0] < 1 or tried[-1] > _least_neighbours(codes[2]):
        raise EvaluationError(
            f"k = {k or 1}, and some image has only {_least_neighbours(codes[2])} neighbours from other slides; "
            "give fewer neighbours, or more slides"
        )
    near = _neighbours(vectors, codes[2], tried[-1])
    same_class, same_centre = (code[near] == code[:, None] for code in codes[:2])
    accuracies = [_knn_accuracy(codes[0][near[:, :each]], codes[0], len(names)) for each in tried]
    best = int(np.argmax(accuracies))
    chosen = tried[best]
    class_alone = (same_class & ~same_centre).cumsum(axis=1)
    centre_alone = (~same_class & same_centre).cumsum(axis=1)
    counted = [(each, class_alone[:, each - 1].sum(), centre_alone[:, each - 1].sum()) for each in tried]
    curve = tuple((each, float(one / (one + other))) for each, one, other in counted if one + other)
    index = _interval(class_alone[:, chosen - 1], centre_alone[:, chosen - 1], codes[2], seed)
    return RobustnessIndex(index, chosen, _shares(same_class, same_centre, chosen), accuracies[best], curve)


def _unit(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    if vectors.ndim != 2:
        raise EvaluationError(f"embeddings have the shape {vectors.shape}; give (images, numbers)")
    lengths = np.linalg.norm(vectors, axis=1)
    bad = np.flatnonzero(~(np.isfinite(lengths) & (lengths > 0)))
    if len(bad):
        raise EvaluationError(f"embedding {bad[0]} is zero or not finite ({len(bad)} like it); leave such images out")
    return np.asarray(vectors / lengths[:, None])


def _coded(
    vectors: NDArray[np.float64], classes: Any, centres: Any, slides: Any
) -> tuple[list[str], tuple[Integers, Integers, Integers]]:
    """Names of the classes; and classes, centres and slides as numbers."""
    own = np.arange(len(vectors)) if slides is None else slides
    given = [np.asarray(each).astype(str) for each in (classes, centres, own)]
    if {len(each) for each in given} != {len(vectors)}:
        lengths = ", ".join(str(len(each)) for each in (vectors, *given))
        raise EvaluationError(f"embeddings, classes, centres and slides of lengths {lengths}; give one for each image")
    found = [np.unique(each, return_inverse=True) for each in given]
    for (names, _), noun in zip(found, ("class", "centre"), strict=False):
        if len(names) < 2:
            shown = ", ".join(names[:_SHOWN])
            raise EvaluationError(f"there is one {noun} only ({shown}); the robustness index needs two of each")
    codes = tuple(numbers.astype(np.int64) for _, numbers in found)
    return found[0][0].tolist(), (codes[0], codes[1], codes[2])


def _least_neighbours(slides: Integers) -> int:
    return int(len(slides) - np.bincount(slides).max())


def _neighbours(vectors: NDArray[np.float64], slides: Integers, count: int) -> Integers:
    """(N, count): the nearest images of other slides, nearest first; of equally near ones the first."""
    out = np.empty((len(vectors), count), np.int64)
    for start in range(0, len(vectors), _BLOCK):
        part = slice(start, start + _BLOCK)
        likeness = vectors[part] @ vectors.T
        likeness[slides[part, None] == slides[None]] = -np.inf
        out[part] = np.argsort(-likeness, axis=1, kind="stable")[:, :count]
    return out


def _knn_accuracy(votes: Integers, truth: Integers, classes: int) -> float:
    """Balanced accuracy of the class with most votes (N, k); of equals the first."""
    counts = np.stack([(votes == each).sum(axis=1) for each in range(classes)], axis=1)
    called = counts.argmax(axis=1)
    return float(np.mean([(called[truth == each] == each).mean() for each in range(classes)]))


def _shares(same_class: NDArray[np.bool_], same_centre: NDArray[np.bool_], k: int) -> dict[str, float]:
    of_class, of_centre = same_class[:, :k], same_centre[:, :k]
    return {
        "class and centre": float((of_class & of_centre).mean()),
        "class alone": float((of_class & ~of_centre).mean()),
        "centre alone": float((~of_class & of_centre).mean()),
        "neither": float((~of_class & ~of_centre).mean()),
    }


def _interval(class_alone: Integers, centre_alone: Integers, slides: Integers, seed: int) -> Metric:
    """The index of counts (N,), with whole slides drawn; the neighbours of each image stay what they are."""
    n = len(slides)
    total = int(class_alone.sum() + centre_alone.sum())
    if not total:
        return Metric.undefined("no neighbour shares the class alone or the centre alone", n)
    by_slide = np.stack([np.bincount(slides, values) for values in (class_alone, centre_alone)])
    rng, count = np.random.default_rng(seed), by_slide.shape[1]
    drawn = rng.multinomial(count, np.full(count, 1 / count), size=_DRAWS) @ by_slide.T
    sums = drawn.sum(axis=1)
    low, high = np.quantile(drawn[sums > 0, 0] / sums[sums > 0], (0.025, 0.975))
    method = f"percentile bootstrap over {count:,} slides, {_DRAWS:,} draws"
    return Metric(float(class_alone.sum() / total), float(low), float(high), method, n)
