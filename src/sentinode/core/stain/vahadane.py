"""Stain vectors by sparse non-negative factorisation (Vahadane et al. 2016, doi:10.1109/TMI.2016.2529665).

Density is a product of two colours and their concentrations, none of them negative, and most pixels have little of one
of the two. Colours and concentrations are found in turn, as in online dictionary learning (Mairal et al. 2010), which
the paper uses: with two stains the sparse concentrations of given colours have a closed form.
"""

import numpy as np
from numpy.typing import NDArray

from sentinode.core.stain.optical_density import Densities
from sentinode.core.stain.stain_vectors import StainVectors, as_haematoxylin_and_eosin

_SPARSITY = 0.1
"""Weight of the sum of concentrations, as in the paper."""
_MOST_PIXELS = 20_000
_ROUNDS = 200
_SETTLED = 1e-5
# Ruifrok & Johnston 2001: where the search begins.
_FIRST = np.array([[0.650, 0.704, 0.286], [0.072, 0.990, 0.105]]).T


def vahadane(density: Densities) -> StainVectors:
    """The stains of tissue; of more than 20,000 pixels some, evenly spread.

    Args:
        density: (P, 3) of tissue.

    Raises:
        StainError: They are one stain, or not haematoxylin and eosin.
    """
    some = density[:: max(1, len(density) // _MOST_PIXELS)]
    columns = _FIRST / np.linalg.norm(_FIRST, axis=0)
    for _ in range(_ROUNDS):
        before = columns
        columns = _colours(some, concentrations(some, columns), columns)
        if np.abs(columns - before).max() < _SETTLED:
            break
    return as_haematoxylin_and_eosin(columns, density)


def concentrations(density: Densities, columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """(P, 2) c ≥ 0 that minimise |density - columns · c|² / 2 + 0.1 · sum(c), for colours (3, 2) of length 1."""
    cosine = float(columns[:, 0] @ columns[:, 1])
    wanted = density @ columns - _SPARSITY
    both = (wanted - cosine * wanted[:, ::-1]) / max(1e-9, 1 - cosine**2)
    # Where one would be negative, it is 0 and the other stands alone.
    alone = np.maximum(wanted, 0)
    found = np.where(both[:, ::-1] < 0, alone, both)
    return np.where(both < 0, 0, np.maximum(found, 0))


def _colours(density: Densities, amounts: NDArray[np.float64], columns: NDArray[np.float64]) -> NDArray[np.float64]:
    """The colours that fit best, one after the other, none negative and each of length 1."""
    columns = columns.copy()
    square, product = amounts.T @ amounts, density.T @ amounts  # (2, 2), (3, 2)
    for stain in range(2):
        if square[stain, stain] <= 0:
            continue
        moved = columns[:, stain] + (product[:, stain] - columns @ square[:, stain]) / square[stain, stain]
        moved = np.maximum(moved, 0)
        if (length := np.linalg.norm(moved)) > 0:
            columns[:, stain] = moved / length
    return columns
