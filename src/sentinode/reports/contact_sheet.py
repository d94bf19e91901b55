"""A contact sheet: rows of patches, real ones above drawn ones, or drawn ones above what they are nearest to."""

import numpy as np
from numpy.typing import NDArray

_GAP = 4
_COLUMNS = 12
_WHITE = 255

Pixels = NDArray[np.uint8]


def contact_sheet(rows: list[Pixels]) -> Pixels:
    """Images in rows, a little apart.

    Args:
        rows: Of each row its images, (n, S, S, 3) uint8, all of one size; at most twelve are shown.

    Returns:
        (H, W, 3) uint8.

    Examples:
        >>> contact_sheet([np.zeros((2, 8, 8, 3), np.uint8)] * 2).shape
        (20, 20, 3)
    """
    side, columns = rows[0].shape[1], max(min(_COLUMNS, len(row)) for row in rows)
    cell = side + _GAP
    sheet = np.full((len(rows) * cell - _GAP, columns * cell - _GAP, 3), _WHITE, np.uint8)
    for line, row in enumerate(rows):
        for place, image in enumerate(row[:_COLUMNS]):
            sheet[line * cell : line * cell + side, place * cell : place * cell + side] = image
    return sheet


def class_rows(
    names: tuple[str, ...], real: tuple[Pixels, NDArray[np.int64]], drawn: tuple[Pixels, NDArray[np.int64]]
) -> list[Pixels]:
    """Of each class a row of real images and one of drawn ones.

    Args:
        names: The classes.
        real: Images (N, S, S, 3) and their classes (N,).
        drawn: The same of drawn ones.
    """
    rows = []
    for number in range(len(names)):
        for images, classes in (real, drawn):
            rows.append(images[np.flatnonzero(classes == number)[:_COLUMNS]])
    return rows
