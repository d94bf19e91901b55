"""What is left of votes' areas where other votes take from them, and which outlines meet.

Outlines are told apart as objects: `votes` gives one for all who judged a lesion, and what is cut in the same way is
one again. To compare them by their corners would cost as much as the geometry itself.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from sentinode.core.extras import require
from sentinode.serving.reviews.votes import Vote, accepts
from sentinode.slides.annotations.regions import Geometry, parts

shapely = require("shapely", extra="scan")

LEAST_AREA = 1.0
"""Square level-0 pixels. Outlines that only touch may overlap by less in their last decimals."""


class VoteAreas:
    """Cuts votes; what was cut for one reviewer is known for the next."""

    def __init__(self) -> None:
        self._known: dict[tuple[int, ...], tuple[Geometry | None, Sequence[Geometry]]] = {}
        """By the numbers of the objects, which are held here so that no other object gets one: what is left."""

    def uncontradicted(self, votes: Sequence[Vote]) -> list[Vote]:
        """Of one voice: without what later ones that contradict it cover."""
        last = {(id(vote.polygon), accepts(vote.review)): place for place, vote in enumerate(votes)}
        sides = {side: unique(vote.polygon for vote in votes if accepts(vote.review) == side) for side in (True, False)}
        # Only with what contradicts it: outlines that lie in one another would all meet.
        near = {side: meeting(own, sides[not side]) for side, own in sides.items()}
        later = [
            [area for area in near[side][id(vote.polygon)] if last[id(area), not side] > place]
            for place, vote in enumerate(votes)
            for side in (accepts(vote.review),)
        ]
        return self._cut(votes, later)

    def outside(self, votes: Sequence[Vote], taken: Sequence[Geometry]) -> list[Vote]:
        """What is left of votes outside of areas."""
        near = meeting(unique(vote.polygon for vote in votes), taken)
        return self._cut(votes, [near[id(vote.polygon)] for vote in votes])

    def _cut(self, votes: Sequence[Vote], taken: Sequence[Sequence[Geometry]]) -> list[Vote]:
        """Of each vote what its own areas leave of it; without those of which nothing is left."""
        found = []
        for vote, areas in zip(votes, taken, strict=True):
            key = (id(vote.polygon), *map(id, areas))
            if key not in self._known:
                self._known[key] = _without(vote.polygon, areas), (vote.polygon, *areas)
            left = self._known[key][0]
            if left is not None:
                found.append(Vote(vote.review, left))
        return found


def unique(outlines: Iterable[Geometry]) -> list[Geometry]:
    """Each once, however many votes are of it: so the work is one for all who judged a lesion."""
    return list({id(outline): outline for outline in outlines}.values())


def meeting(some: Sequence[Geometry], others: Sequence[Geometry]) -> dict[int, list[Geometry]]:
    """By the `id` of each of some, those of others that have a place in common with it, in their order."""
    found: dict[int, list[Geometry]] = {id(one): [] for one in some}
    pairs = shapely.STRtree(others).query(np.array(some, object), predicate="intersects")
    for one, other in zip(*pairs[:, np.lexsort(pairs[::-1])].tolist(), strict=True):
        found[id(some[one])].append(others[other])
    return found


def about(places: Sequence[Geometry], votes: Sequence[Vote]) -> list[list[Vote]]:
    """Of each place the votes that say something of it."""
    of_outline: dict[int, list[Vote]] = defaultdict(list)
    for vote in votes:
        of_outline[id(vote.polygon)].append(vote)
    outlines = unique(vote.polygon for vote in votes)
    near = meeting(unique(places), outlines)
    shapely.prepare(outlines)
    said = {
        id(place): [vote for outline in _reaching(place, near[id(place)]) for vote in of_outline[id(outline)]]
        for place in places
    }
    return [said[id(place)] for place in places]


def _reaching(place: Geometry, near: Sequence[Geometry]) -> list[Geometry]:
    """Those that have a part of a place. Most have all of it: to see that costs less than to cut the part out."""
    outlines = np.array(near, object)
    reach: NDArray[np.bool_] = shapely.covers(outlines, place)
    reach[~reach] = shapely.area(shapely.intersection(outlines[~reach], place)) >= LEAST_AREA / 2
    return list(outlines[reach])


def _without(polygon: Geometry, taken: Sequence[Geometry]) -> Geometry | None:
    """The largest go first, twice as many each time: what lies in one of them then costs no more than a look."""
    if not taken:
        return polygon
    rest = np.array(taken, object)
    rest, left, count = rest[np.argsort(-shapely.area(rest), kind="stable")], polygon, 1
    while len(rest) and not left.is_empty:
        left = shapely.difference(left, rest[0] if count == 1 else shapely.union_all(rest[:count]))
        shapely.prepare(left)
        rest = rest[count:]
        rest, count = rest[shapely.intersects(left, rest)], 2 * count
    kept = [part for part in parts(left) if part.area >= LEAST_AREA]
    return shapely.union_all(kept) if kept else None
