"""Lines that cross themselves: made valid with the area that they wind around, at a bounded cost."""

import numpy as np
from numpy.typing import NDArray

from sentinode.slides.annotations.regions import Geometry, parts, shapely

_MOST_CROSSINGS = 20_000
_MOST_CLOSE_PAIRS, _MOST_CLOSE_TO_ONE = 2_000_000, 20
"""Of pieces whose boxes meet: what it costs to look for crossings. Drawn outlines have some three a piece; the second
bound, an average, lets those of millions of pieces pass."""
_PAIRS_AT_ONCE = 500_000


class TooTangledError(ValueError):
    """The lines of a polygon cross so often that to repair it would take long. The message says how often."""


def repaired(polygon: Geometry) -> Geometry | None:
    """A Polygon or MultiPolygon as a valid one, by the rule of nonzero winding, by which browsers fill, too.

    What a line winds around is inside: where the end of a lasso overlaps its start, the middle of a pentagram, both
    halves of an eight. Holes are taken out of what their outer line winds around.

    Args:
        polygon: Of finite coordinates.

    Returns:
        None where nothing is enclosed.

    Raises:
        TooTangledError: Its lines cross too often.
    """
    _check_crossings(polygon)
    if not shapely.is_valid(polygon):
        found = parts(shapely.make_valid(polygon, method="structure", keep_collapsed=False))
        if not found:
            return None
        polygon = found[0] if len(found) == 1 else shapely.MultiPolygon(found)
    return polygon if polygon.area > 0 else None


def _check_crossings(polygon: Geometry) -> None:
    starts, ends = _segments(polygon)
    tree = shapely.STRtree(shapely.linestrings(np.stack([starts, ends], axis=1)))
    pairs = crossings = 0
    most = max(_MOST_CLOSE_PAIRS, _MOST_CLOSE_TO_ONE * len(starts))
    chunk = max(1, _PAIRS_AT_ONCE // max(1, len(starts)))
    for first in range(0, len(starts), chunk):
        one, other = tree.query(tree.geometries[first : first + chunk])
        one = one + first
        pairs += len(one)
        later = other > one
        crossings += _crossing(starts, ends, one[later], other[later])
        if crossings > _MOST_CROSSINGS:
            raise TooTangledError(f"its line crosses itself more than {_MOST_CROSSINGS:,} times; draw it simpler")
        if pairs > most:
            raise TooTangledError(f"its {len(starts):,} pieces run to and fro beside one another; draw it simpler")


def _segments(polygon: Geometry) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, 2) starts and (N, 2) ends of all pieces of all lines that have a length."""
    places, ring = shapely.get_coordinates(shapely.get_rings(shapely.get_parts(polygon)), return_index=True)
    joined = (ring[1:] == ring[:-1]) & (places[1:] != places[:-1]).any(axis=1)
    return places[:-1][joined], places[1:][joined]


def _crossing(
    starts: NDArray[np.float64], ends: NDArray[np.float64], one: NDArray[np.intp], other: NDArray[np.intp]
) -> int:
    """How many pairs of segments cross, each with its ends on both sides of the other."""

    def sides(line: NDArray[np.intp], places: NDArray[np.float64]) -> NDArray[np.float64]:
        along, towards = ends[line] - starts[line], places - starts[line]
        return along[:, 0] * towards[:, 1] - along[:, 1] * towards[:, 0]

    apart = sides(one, starts[other]) * sides(one, ends[other]) < 0
    return int(np.count_nonzero(apart & (sides(other, starts[one]) * sides(other, ends[one]) < 0)))
