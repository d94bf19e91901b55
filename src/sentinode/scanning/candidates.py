"""Candidates: where on a slide a second look is worth its cost, far below what makes a lesion."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sentinode.scanning.heatmap import Heatmap
from sentinode.scanning.lesions import smoothed

FLOOR = 0.1
"""Least score of a candidate. A focus that fills a tenth of a tile seldom gets more."""
LEAST_MOST = 16
CELLS_EACH = 250
"""A heatmap has at most `LEAST_MOST` candidates, or one for so many scanned cells where that is more: a slide with ten
nodes has as many for each as a slide with one."""
SMOOTHING_UM = 80.0
"""As in the heuristic rule."""

_AROUND = 0.5
"""Weight of the neighbourhood beside a cell's own score, in log-odds: small foci stand alone."""
_LEAST = 1e-4


@dataclass(frozen=True)
class Candidate:
    """A cell of a heatmap that stands out from its neighbours."""

    row: int
    column: int
    score: float
    """Of the cell itself."""


def logit(probabilities: NDArray[np.floating]) -> NDArray[np.float64]:
    """Log-odds of probabilities, which are first held 1e-4 away from 0 and 1: no model is surer than that."""
    held = np.clip(np.asarray(probabilities, np.float64), _LEAST, 1 - _LEAST)
    return np.asarray(np.log(held / (1 - held)))


def most_candidates(heatmap: Heatmap) -> int:
    """How many candidates a heatmap may have, by its size."""
    return max(LEAST_MOST, int(np.isfinite(heatmap.values).sum()) // CELLS_EACH)


def find_candidates(heatmap: Heatmap, most: int | None = None) -> list[Candidate]:
    """The strongest local maxima of a heatmap, the strongest first.

    A cell is a candidate when its own score is at least `FLOOR` and no neighbour (of eight) has more evidence: its
    log-odds, and half of those of the smoothed heatmap, so that of equal cells the one among suspicious ones wins.

    Args:
        heatmap: Of the first look; cells that were not scanned are NaN.
        most: How many at most; None: `most_candidates`.
    """
    own = np.nan_to_num(heatmap.values.astype(np.float64), nan=-1.0)
    evidence = logit(own) + _AROUND * logit(smoothed(heatmap, SMOOTHING_UM))
    evidence[own < FLOOR] = -np.inf
    highest = ndimage.maximum_filter(evidence, 3, mode="constant", cval=-np.inf)
    rows, columns = np.nonzero((evidence == highest) & np.isfinite(evidence))
    order = np.lexsort((columns, rows, -evidence[rows, columns]))[: most_candidates(heatmap) if most is None else most]
    return [
        Candidate(int(rows[place]), int(columns[place]), float(own[rows[place], columns[place]])) for place in order
    ]
