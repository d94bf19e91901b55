"""The slides that early stopping is judged by: whole patients, of every class some."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import DataError

_DRAWS = 200
"""Of which the first is taken that leaves every class on either side; with two patients for a class most do."""


def held_out(targets: NDArray[np.int64], patients: Sequence[str], share: float, seed: int) -> NDArray[np.bool_]:
    """Which slides (n,) are held out.

    A patient counts for the highest class of their slides. Of the patients that count for a class the share is drawn,
    at least one, and at least one is left; a single one falls on either side. Every class of slides is on both sides.

    Args:
        targets: (n,) the slides' classes.
        patients: (n,) whose they are.
        share: Of the patients.
        seed: Of the draw.

    Raises:
        DataError: The slides of a class are of one patient, or no draw leaves every class on both sides.
    """
    people, owner = np.unique(np.asarray(patients, dtype=str), return_inverse=True)
    for label in np.unique(targets):
        if len(own := np.unique(owner[targets == label])) < 2:
            raise DataError(
                f"all slides of class {label} are of one patient ({people[own[0]]}), and early stopping needs some to "
                "learn from and others to be judged by; give slides of more patients"
            )
    highest = np.full(len(people), -1)
    np.maximum.at(highest, owner, targets)
    generator = np.random.default_rng(seed)
    for _ in range(_DRAWS):
        outside = _drawn(highest, share, generator)[owner]
        if len(np.unique(targets[outside])) == len(np.unique(targets[~outside])) == len(np.unique(targets)):
            return outside
    raise DataError(
        f"none of {_DRAWS} draws of patients left slides of every class both to learn from and to be "
        "judged by; give slides of more patients"
    )


def _drawn(highest: NDArray[np.int64], share: float, generator: np.random.Generator) -> NDArray[np.bool_]:
    """One draw of patients, class by class."""
    chosen = np.zeros(len(highest), dtype=bool)
    for label in np.unique(highest):
        of_label = np.flatnonzero(highest == label)
        count = min(max(1, round(share * len(of_label))), len(of_label) - 1)
        if len(of_label) == 1:
            count = int(generator.random() < share)
        chosen[generator.permutation(of_label)[:count]] = True
    return chosen
