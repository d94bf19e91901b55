"""Several methods at staging slides: negative, ITC, micro, macro, in this order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.metric import Metric
from sentinode.core.node_classes import SLIDE_CLASSES
from sentinode.metrics.measures.intervals import rate
from sentinode.metrics.stages import confusion, quadratic_kappa


@dataclass(frozen=True)
class StageRow:
    """One method at staging."""

    name: str
    kappa: Metric
    """Cohen's, with quadratic weights."""
    recalls: dict[str, Metric]
    """Class → share of its slides that are called so."""
    confusion: tuple[tuple[int, ...], ...]
    """Rows true, columns called."""

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values, no NaN."""
        recalls = {name: metric.to_json() for name, metric in self.recalls.items()}
        return {"name": self.name, "kappa": self.kappa.to_json(), "recalls": recalls,
                "confusion": [list(row) for row in self.confusion]}  # fmt: skip


def called_stage(above: NDArray[np.float64]) -> NDArray[np.int64]:
    """(n, C) probabilities of being above each class but the last → the class called (n): above all that are likelier
    than not, the median of the class's distribution, as ordinal models are read (Cao et al. 2020)."""
    return np.asarray((above > 0.5).sum(axis=1), dtype=np.int64)


def stage_rows(
    called: Mapping[str, NDArray[np.int64]], labels: Sequence[int], *, seed: int = 42
) -> tuple[StageRow, ...]:
    """Measure each method's calls (n) against the true classes."""
    truths = [SLIDE_CLASSES[label] for label in labels]
    rows = []
    for name, found in called.items():
        predicted = [SLIDE_CLASSES[label] for label in found]
        counts = confusion(truths, predicted, SLIDE_CLASSES)
        recalls: dict[str, Metric] = {
            one: rate(int(counts[place, place]), int(counts[place].sum()), f"no slide is {one}")
            for place, one in enumerate(SLIDE_CLASSES)
        }
        kappa = quadratic_kappa(truths, predicted, categories=SLIDE_CLASSES, seed=seed)
        rows.append(StageRow(name, kappa, recalls, tuple(tuple(row) for row in counts.tolist())))
    return tuple(rows)
