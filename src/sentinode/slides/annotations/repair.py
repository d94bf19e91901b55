"""Lines that cross themselves: made valid with the area that they wind around, at a bounded cost."""

from collections.abc import Sequence
from itertools import pairwise

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
    check_tangle([polygon])
    if not shapely.is_valid(polygon):
        found = parts(shapely.make_valid(polygon, method="structure", keep_collapsed=False))
        if not found:
            return None
        polygon = found[0] if len(found) == 1 else shapely.MultiPolygon(found)
    return polygon if polygon.area > 0 else None


def check_tangle(polygons: Sequence[Geometry], most_crossings: int = _MOST_CROSSINGS) -> None:
    """Refuse polygons whose lines cross one another or themselves so often that to lay them over each other takes long.

    Raises:
        TooTangledError: They do.
    """
    starts, ends = _segments(polygons)
    tree = shapely.STRtree(shapely.linestrings(np.stack([starts, ends], axis=1)))
    most = max(_MOST_CLOSE_PAIRS, _MOST_CLOSE_TO_ONE * len(starts))
    pairs = crossings = 0
    for chunk in _chunks(starts, ends):
        one, other = tree.query(tree.geometries[chunk])
        one = one + chunk.start
        pairs += len(one)
        later = other > one
        crossings += _crossing(starts, ends, one[later], other[later])
        if crossings > most_crossings:
            raise TooTangledError(f"lines cross more than {most_crossings:,} times; draw it simpler")
        if pairs > most:
            raise TooTangledError(f"lines of {len(starts):,} pieces run to and fro over one another; draw it simpler")


def _chunks(starts: NDArray[np.float64], ends: NDArray[np.float64]) -> list[slice]:
    """Runs of segments each of which has at most some `_PAIRS_AT_ONCE` others above or below it."""
    left, right = (extreme(starts[:, 0], ends[:, 0]) for extreme in (np.minimum, np.maximum))
    others = np.searchsorted(np.sort(left), right, "right") - np.searchsorted(np.sort(right), left)
    chunk = np.cumsum(others) // _PAIRS_AT_ONCE
    edges = [0, *(np.flatnonzero(np.diff(chunk)) + 1).tolist(), len(starts)]
    return [slice(first, end) for first, end in pairwise(edges)]


def _segments(polygons: Sequence[Geometry]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """(N, 2) starts and (N, 2) ends of all pieces of all lines that have a length."""
    places, ring = shapely.get_coordinates(
        shapely.get_rings(shapely.get_parts(np.array(polygons, object))), return_index=True
    )
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
