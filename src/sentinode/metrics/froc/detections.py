"""Points that a heatmap marks: non-maximum suppression, highest first."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from sentinode.core.errors import EvaluationError

# Distances between cell centres are sums of rounded products; a cell that lies on the radius counts as within it.
_ROUNDING = 1e-9


@dataclass(frozen=True, eq=False)
class Detections:
    """Points on one slide, each with a score; µm from the upper left corner of the slide."""

    x_um: NDArray[np.float64]
    """(N,) to the right."""
    y_um: NDArray[np.float64]
    """(N,) down."""
    scores: NDArray[np.float64]
    """(N,) higher is surer."""

    def __post_init__(self) -> None:
        shapes = {self.x_um.shape, self.y_um.shape, self.scores.shape}
        if len(shapes) > 1 or self.scores.ndim != 1:
            raise EvaluationError(f"detections need x, y and score of one length each, got shapes {sorted(shapes)}")
        if not all(np.isfinite(values).all() for values in (self.x_um, self.y_um, self.scores)):
            raise EvaluationError("a detection has a place or a score that is not a finite number; leave it out")

    def __len__(self) -> int:
        return len(self.scores)

    @classmethod
    def none(cls) -> "Detections":
        """A slide on which nothing was marked."""
        return cls(np.empty(0), np.empty(0), np.empty(0))


def suppress(
    values: NDArray[np.floating], *, mpp_x: float, mpp_y: float, radius_um: float, minimum: float
) -> Detections:
    """Mark the highest cell, drop all cells within a radius of it, and go on with the highest cell that is left.

    A cell's place is its centre. Of cells with one and the same score (a heatmap saturates), the one in the higher
    surroundings comes first, so that a plateau is marked inside rather than at its corner; then the upper, then the
    left one: the same heatmap always gives the same detections.

    Args:
        values: (h, w) scores; NaN where nothing was scanned. A million cells take about a second.
        mpp_x: µm of a cell, across.
        mpp_y: µm of a cell, down.
        radius_um: Distance of centres, in µm, up to which a cell is dropped.
        minimum: Least score of a detection.

    Returns:
        The detections, highest first.

    Raises:
        EvaluationError: A cell size or the radius is not above 0.
    """
    if min(mpp_x, mpp_y) <= 0 or not radius_um > 0:
        raise EvaluationError(
            f"cells of {mpp_x:g} × {mpp_y:g} µm and a radius of {radius_um:g} µm; each must be above 0"
        )
    rows, columns = _order(values, radius_um / mpp_y, radius_um / mpp_x, minimum)
    kept = _greedy(values.shape, rows, columns, _disc(mpp_x, mpp_y, radius_um))
    rows, columns = rows[kept], columns[kept]
    x_um, y_um = (columns.astype(np.float64) + 0.5) * mpp_x, (rows.astype(np.float64) + 0.5) * mpp_y
    return Detections(x_um, y_um, values[rows, columns].astype(np.float64))


def _order(
    values: NDArray[np.floating], radius_rows: float, radius_columns: float, minimum: float
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Rows and columns of the cells of at least `minimum`, in the order in which they are looked at."""
    # NaN is below every minimum.
    rows, columns = np.nonzero(values >= minimum)
    filled = np.nan_to_num(values.astype(np.float32), nan=0.0)
    # A bell is highest in the middle of a plateau, and ends at the radius.
    surroundings = ndimage.gaussian_filter(filled, (radius_rows / 2, radius_columns / 2), mode="constant", truncate=2)
    # Rounding of sums is no reason to prefer a cell to another.
    order = np.lexsort((np.round(-surroundings[rows, columns], 5), -values[rows, columns]))
    return rows[order], columns[order]


def _disc(mpp_x: float, mpp_y: float, radius_um: float) -> NDArray[np.bool_]:
    """Which cells around a centre lie within the radius."""
    below, right = int(radius_um / mpp_y + _ROUNDING), int(radius_um / mpp_x + _ROUNDING)
    down, across = np.ogrid[-below : below + 1, -right : right + 1]
    return np.asarray(np.hypot(down * mpp_y, across * mpp_x) <= radius_um * (1 + _ROUNDING))


def _greedy(
    shape: tuple[int, ...], rows: NDArray[np.intp], columns: NDArray[np.intp], disc: NDArray[np.bool_]
) -> NDArray[np.intp]:
    """Which of the ordered cells are kept: the first, then each that no kept one has dropped."""
    below, right = disc.shape[0] // 2, disc.shape[1] // 2
    if disc.size == 1:
        return np.arange(len(rows))
    # A margin of one radius saves clipping the disc at the borders. Only what is kept pays for numpy: the rest is one
    # look into a bytearray, so that a million cells stay cheap.
    width = shape[1] + 2 * right
    dropped = bytearray((shape[0] + 2 * below) * width)
    field = np.frombuffer(dropped, dtype=np.bool_).reshape(-1, width)
    kept = []
    for index, place in enumerate(((rows + below) * width + columns + right).tolist()):
        if dropped[place]:
            continue
        kept.append(index)
        row, column = divmod(place, width)
        field[row - below : row + below + 1, column - right : column + right + 1] |= disc
    return np.array(kept, dtype=np.intp)
