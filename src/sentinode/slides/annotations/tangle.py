"""How often lines cross: counted, and bounded, before polygons are repaired or laid over each other."""

from collections.abc import Iterator, Sequence
from dataclasses import astuple, dataclass
from functools import cached_property
from itertools import pairwise
from operator import add, sub
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.slides.annotations.regions import Geometry, shapely

MOST_CROSSINGS = 20_000
_MOST_CLOSE_PAIRS, _MOST_CLOSE_TO_ONE = 2_000_000, 20
"""Of pieces whose boxes meet: what it costs to look for crossings. Drawn outlines have some three a piece; the second
bound, an average, lets those of millions of pieces pass."""
_PAIRS_AT_ONCE = 500_000
_MOST_OVERLAPS = 100_000_000
_OUTLINES_AT_ONCE = 100


class TooTangledError(ValueError):
    """Lines cross so often that to repair them or lay them over each other takes long. The message has the bound."""


@dataclass(frozen=True)
class Tangle:
    """The lines of polygons: what counts for the cost of laying them over each other. It adds up, pair by pair."""

    pieces: int = 0
    close_pairs: int = 0
    """Of pieces whose boxes meet, in both orders; a piece is close to itself, too."""
    crossings: int = 0
    overlaps: int = 0
    """Corners of both outlines, of each pair of outlines whose boxes meet: what it costs to compare them."""

    def __add__(self, other: "Tangle") -> "Tangle":
        return Tangle(*map(add, astuple(self), astuple(other)))

    def __sub__(self, other: "Tangle") -> "Tangle":
        return Tangle(*map(sub, astuple(self), astuple(other)))

    def check(self, most_crossings: int) -> None:
        """Refuse it where it costs too much.

        Raises:
            TooTangledError: It does.
        """
        if self.crossings > most_crossings:
            raise TooTangledError(f"lines cross more than {most_crossings:,} times; draw it simpler")
        if self.close_pairs > max(_MOST_CLOSE_PAIRS, _MOST_CLOSE_TO_ONE * self.pieces):
            raise TooTangledError(f"lines of {self.pieces:,} pieces run to and fro over one another; draw it simpler")
        if self.overlaps > _MOST_OVERLAPS:
            raise TooTangledError("too many long outlines lie in one another; draw fewer, or with fewer points")


def tangle_of(polygons: Sequence[Geometry], most_crossings: int = MOST_CROSSINGS) -> Tangle:
    """How polygons' lines run over one another and over themselves.

    Raises:
        TooTangledError: More often than it may be; no more is counted then.
    """
    found = OutlineLines.of(polygons).tangle(most_crossings)
    for overlaps in _overlaps(polygons):
        found += Tangle(overlaps=overlaps)
        found.check(most_crossings)
    return found


def _overlaps(polygons: Sequence[Geometry]) -> Iterator[int]:
    """As `Tangle.overlaps`, some outlines after the other; each with those that come after it."""
    if len(polygons) < 2:
        return
    boxes, corners = shapely.box(*shapely.bounds(np.array(polygons, object)).T), shapely.get_num_coordinates(polygons)
    tree = shapely.STRtree(boxes)
    for start in range(0, len(boxes), _OUTLINES_AT_ONCE):
        one, other = tree.query(boxes[start : start + _OUTLINES_AT_ONCE])
        one = one + start
        once = other > one
        yield int(corners[one[once]].sum() + corners[other[once]].sum())


@dataclass(frozen=True, eq=False)
class OutlineLines:
    """All pieces of all lines of outlines that have a length."""

    starts: NDArray[np.float64]
    """(N, 2)"""
    ends: NDArray[np.float64]
    """(N, 2)"""
    owners: NDArray[np.intp]
    """(N,) numbers of the outlines that they are of."""

    @classmethod
    def of(cls, polygons: Sequence[Geometry]) -> "OutlineLines":
        """Of polygons, which are numbered from 0."""
        whole, owner_of_part = shapely.get_parts(np.array(polygons, object), return_index=True)
        rings, part_of_ring = shapely.get_rings(whole, return_index=True)
        places, ring = shapely.get_coordinates(rings, return_index=True)
        joined = (ring[1:] == ring[:-1]) & (places[1:] != places[:-1]).any(axis=1)
        return cls(places[:-1][joined], places[1:][joined], owner_of_part[part_of_ring][ring[:-1][joined]])

    @property
    def pieces(self) -> int:
        """N."""
        return len(self.starts)

    def tangle(self, most_crossings: int) -> Tangle:
        """How these lines run over one another.

        Raises:
            TooTangledError: More often than they may; no more is counted then.
        """
        found = Tangle(self.pieces)
        for one, other in self.close_to(self):
            once = other > one
            found += Tangle(0, len(one), crossings(self, one[once], self, other[once]))
            found.check(most_crossings)
        return found

    def close_to(self, lines: "OutlineLines") -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Pairs of a piece of `lines` and one of these whose boxes meet; some pieces after the other."""
        for chunk in self._chunks(lines):
            one, other = self._tree.query(_segments(lines.starts[chunk], lines.ends[chunk]))
            yield one + chunk.start, other

    @cached_property
    def _tree(self) -> Any:
        return shapely.STRtree(_segments(self.starts, self.ends))

    @cached_property
    def _sides(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        left, right = self._across()
        return np.sort(left), np.sort(right)

    def _chunks(self, lines: "OutlineLines") -> list[slice]:
        """Runs of `lines` each of which has at most some `_PAIRS_AT_ONCE` of these above or below it."""
        left, right = self._sides
        first, last = lines._across()
        others = np.searchsorted(left, last, "right") - np.searchsorted(right, first)
        chunk = np.cumsum(others) // _PAIRS_AT_ONCE
        edges = [0, *(np.flatnonzero(np.diff(chunk)) + 1).tolist(), lines.pieces]
        return [slice(begin, end) for begin, end in pairwise(edges)]

    def _across(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        return np.minimum(self.starts[:, 0], self.ends[:, 0]), np.maximum(self.starts[:, 0], self.ends[:, 0])


def _segments(starts: NDArray[np.float64], ends: NDArray[np.float64]) -> NDArray[np.object_]:
    found: NDArray[np.object_] = shapely.linestrings(np.stack([starts, ends], axis=1))
    return found


def crossings(some: OutlineLines, one: NDArray[np.intp], others: OutlineLines, other: NDArray[np.intp]) -> int:
    """How many pairs of pieces cross, each with its ends on both sides of the other."""

    def apart(
        lines: OutlineLines, line: NDArray[np.intp], ends: OutlineLines, end: NDArray[np.intp]
    ) -> NDArray[np.bool_]:
        along = lines.ends[line] - lines.starts[line]
        to_start, to_end = ends.starts[end] - lines.starts[line], ends.ends[end] - lines.starts[line]
        sides = [along[:, 0] * towards[:, 1] - along[:, 1] * towards[:, 0] for towards in (to_start, to_end)]
        return np.asarray(sides[0] * sides[1] < 0)

    return int(np.count_nonzero(apart(some, one, others, other) & apart(others, other, some, one)))
