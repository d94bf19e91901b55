"""Candidates: where on a slide a second look is worth its cost, far below what makes a lesion."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sentinode.scanning.heatmap import Heatmap
from sentinode.scanning.lesions import smoothed

FLOOR = 0.1
"""Least score of a candidate. A focus that fills a tenth of a tile seldom gets more."""
MOST_CANDIDATES = 16
"""Of a small slide."""
CELLS_A_CANDIDATE = 250
"""Scanned cells for which there may be one candidate, where that makes more: ten nodes have as many each as one has."""
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
    return max(MOST_CANDIDATES, int(np.isfinite(heatmap.values).sum()) // CELLS_A_CANDIDATE)


def find_candidates(heatmap: Heatmap) -> list[Candidate]:
    """The strongest local maxima of a heatmap, the strongest first, at most `most_candidates`.

    A cell is a candidate when its own score is at least `FLOOR` and no neighbour (of eight) has more evidence: its
    log-odds, and half of those of the smoothed heatmap, so that of equal cells the one among suspicious ones wins.

    Args:
        heatmap: Of the first look; cells that were not scanned are NaN.
    """
    own = np.nan_to_num(heatmap.values.astype(np.float64), nan=-1.0)
    evidence = logit(own) + _AROUND * logit(smoothed(heatmap, SMOOTHING_UM))
    evidence[own < FLOOR] = -np.inf
    highest = ndimage.maximum_filter(evidence, 3, mode="constant", cval=-np.inf)
    rows, columns = np.nonzero((evidence == highest) & np.isfinite(evidence))
    order = np.lexsort((columns, rows, -evidence[rows, columns]))[: most_candidates(heatmap)]
    return [
        Candidate(int(rows[place]), int(columns[place]), float(own[rows[place], columns[place]])) for place in order
    ]
