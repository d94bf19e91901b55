"""The square that TransMIL lays a slide's tiles into."""

import math

import numpy as np
from numpy.typing import NDArray


def square(count: int) -> NDArray[np.int64]:
    """(side, side): which of so many tiles lies where; the first of them fill the rest of the smallest square.

    Examples:
        >>> square(3).tolist()
        [[0, 1], [2, 0]]
    """
    side = math.isqrt(count - 1) + 1
    return (np.arange(side * side) % count).reshape(side, side)
