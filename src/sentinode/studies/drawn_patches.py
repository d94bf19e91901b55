"""The patches that a study's protocol draws: half of each of two classes, always the same ones."""

from collections.abc import Sequence

import numpy as np
import pandas as pd

from sentinode.core.errors import DataError


def draw_of_each(
    table: pd.DataFrame, names: Sequence[str], amount: int, *, key: str = "patches", split: str = ""
) -> pd.DataFrame:
    """The lines of the drawn patches, in the table's order.

    Args:
        table: Of a manifest.
        names: The classes, in the order in which they are drawn.
        amount: Patches in all.
        key: What the protocol calls the amount.
        split: Of which they are; empty: of all.

    Raises:
        DataError: There are too few of a class.
    """
    rng, half = np.random.default_rng(0), amount // 2
    inside = table["split"] == split if split else pd.Series(True, index=table.index)
    chosen: list[int] = []
    for name in names:
        places = np.flatnonzero(((table["label"] == name) & inside).to_numpy())
        if len(places) < half:
            where = f" from {split}" if split else ""
            raise DataError(
                f"the protocol draws {half:,} images of each class{where}, and there are {len(places):,} of {name}; "
                f"add images, or set {key}"
            )
        chosen += rng.permutation(places)[:half].tolist()
    return table.iloc[sorted(chosen)]
