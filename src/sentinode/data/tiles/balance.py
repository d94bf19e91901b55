"""How many tiles are taken of each slide and class: as many of both classes, shared out over the slides. Pure."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from sentinode.data.tiles.tiles_config import NORMAL, TUMOUR


def balance(table: pd.DataFrame, ratio: float) -> NDArray[np.bool_]:
    """Which tiles are kept, so that each split has `ratio` normal tiles for a tumour tile.

    Of the class that has too many, each slide gives the same number, or all it has. A split that lacks a class is kept
    as it is: what it has can still be measured on.

    Args:
        table: Columns `slide`, `label` and `split`; of each slide and class the first tiles are kept.
        ratio: Normal tiles for one tumour tile.

    Returns:
        (N,) in the order of `table`.
    """
    place = table.groupby(["slide", "label"]).cumcount().to_numpy()
    kept = np.ones(len(table), bool)
    for _, part in table.groupby("split"):
        counts = pd.crosstab(part["slide"], part["label"]).reindex(columns=[NORMAL, TUMOUR], fill_value=0)
        normal, tumour = int(counts[NORMAL].sum()), int(counts[TUMOUR].sum())
        if not normal or not tumour:
            continue
        wanted_tumour = min(tumour, max(1, int(normal / ratio)))
        wanted = {NORMAL: min(normal, max(1, round(wanted_tumour * ratio))), TUMOUR: wanted_tumour}
        rows = part.index.to_numpy()
        for label, total in wanted.items():
            shares = dict(zip(counts.index, share_out(counts[label].to_numpy(), total).tolist(), strict=True))
            of_class = rows[(part["label"] == label).to_numpy()]
            kept[of_class] = place[of_class] < table["slide"].iloc[of_class].map(shares).to_numpy()
    return kept


def share_out(available: NDArray[np.int64], total: int) -> NDArray[np.int64]:
    """How many each gives so that all together give `total`: the same number, or all it has.

    Args:
        available: (N,) how many each has.
        total: At most their sum.

    Returns:
        (N,) whole numbers that sum to `total`; no two that have enough differ by more than one.
    """
    level = 0
    if total > 0:
        low, high = 0, int(available.max())
        while low < high:  # the highest level at which not more than `total` is given
            level = (low + high + 1) // 2
            low, high = (level, high) if np.minimum(available, level).sum() <= total else (low, level - 1)
        level = low
    given = np.minimum(available, level)
    rest = total - int(given.sum())
    given[np.flatnonzero(available > level)[:rest]] += 1
    return given
