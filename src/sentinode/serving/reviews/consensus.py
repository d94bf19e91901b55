"""What a scan's reviews say together: the rule by which several reviewers' verdicts become one result.

The rule, `consensus`: of each reviewer the last word counts. Where all who judged a place agree, that is the result;
where they do not, it is `disagreed`, until an admin adjudicates it. Who said nothing of a place has no part in it. A
place is compared by its area, so verdicts that were given at different thresholds meet where they overlap.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sentinode.core.extras import require
from sentinode.serving.reviews.reviewed_outlines import MOST_CROSSINGS
from sentinode.serving.reviews.votes import Vote, accepts, key_of, last_votes
from sentinode.serving.store.tables import ReviewRow
from sentinode.slides.annotations.regions import Geometry, parts
from sentinode.slides.annotations.tangle import tangle_of

shapely = require("shapely", extra="scan")

RULE = "consensus"
Outcome = Literal["accepted", "rejected", "disagreed"]
SlideResult = Literal["not reviewed", "tumour", "nothing accepted", "disagreed"]

_LEAST_AREA = 1.0
"""Square level-0 pixels. Outlines that only touch may overlap by less in their last decimals."""


@dataclass(frozen=True)
class Finding:
    """A place that was judged or drawn."""

    polygon: Geometry
    """Polygon or MultiPolygon, level-0 pixels."""
    outcome: Outcome
    reviews: tuple[ReviewRow, ...]
    """What reviewers said of it that counts, in its order."""
    adjudication: ReviewRow | None = None
    """What decided, if an admin did."""

    @property
    def number(self) -> int:
        """Of the first thing that was said of it."""
        return min(one.number for one in (*self.reviews, self.adjudication) if one is not None)

    def names(self, *, accepting: bool) -> list[str]:
        """Who accepted or drew it, or who rejected it."""
        return sorted({one.author for one in self.reviews if accepts(one) == accepting})


def findings_of(reviews: Sequence[ReviewRow]) -> list[Finding]:
    """The places of which reviews say something, in the order in which they were first judged or drawn.

    No two of different outcome overlap.

    Args:
        reviews: Of a scan, in the order in which they were made.

    Raises:
        TooTangledError: They overlap so often that to work it out takes long.
    """
    last = last_votes(reviews)
    tangle_of(_outlines(last), MOST_CROSSINGS)
    by_reviewer: dict[str | None, list[Vote]] = defaultdict(list)
    for vote in last:
        by_reviewer[key_of(vote.review)[0]].append(vote)
    decided = _uncontradicted(by_reviewer.pop(None, []))
    votes = [vote for own in by_reviewer.values() for vote in _uncontradicted(own)]
    left = _outside(votes, _outlines(decided))
    sides = (_outlines(vote for vote in left if accepts(vote.review) == side) for side in (True, False))
    disputed = parts(shapely.intersection(*(shapely.union_all(side) for side in sides)))
    places = [part for part in disputed if part.area >= _LEAST_AREA]
    found = [
        *_adjudicated(decided, _about([vote.polygon for vote in decided], votes)),
        *_joined(_outside(left, disputed)),
        *(Finding(place, "disagreed", said) for place, said in zip(places, _about(places, left), strict=True)),
    ]
    return sorted(found, key=lambda finding: finding.number)


def result_of(findings: Iterable[Finding]) -> SlideResult:
    """What the findings mean for the slide."""
    outcomes = {finding.outcome for finding in findings}
    if "disagreed" in outcomes:
        return "disagreed"
    if "accepted" in outcomes:
        return "tumour"
    return "nothing accepted" if outcomes else "not reviewed"


def _outlines(votes: Iterable[Vote]) -> list[Geometry]:
    """The polygons of votes, each once, however many are of it: so the work is one for all who judged a lesion."""
    return list(dict.fromkeys(vote.polygon for vote in votes))


def _uncontradicted(votes: Sequence[Vote]) -> list[Vote]:
    """Of one voice: without what later ones that contradict it cover."""
    last = {(vote.polygon, accepts(vote.review)): place for place, vote in enumerate(votes)}
    outlines = _outlines(votes)
    sides = {side: [outline for outline in outlines if (outline, side) in last] for side in (True, False)}
    # Only with what contradicts it: outlines that lie in one another would all meet.
    near = {side: _meeting(own, sides[not side]) for side, own in sides.items()}
    later = [
        [area for area in near[side][vote.polygon] if last[area, not side] > place]
        for place, vote in enumerate(votes)
        for side in (accepts(vote.review),)
    ]
    return _cut(votes, later)


def _outside(votes: Sequence[Vote], taken: Sequence[Geometry]) -> list[Vote]:
    """What is left of votes outside of areas."""
    near = _meeting(_outlines(votes), taken)
    return _cut(votes, [near[vote.polygon] for vote in votes])


def _cut(votes: Sequence[Vote], taken: Sequence[Sequence[Geometry]]) -> list[Vote]:
    """Of each vote what its own areas leave of it; without those of which nothing is left."""
    known: dict[tuple[Geometry, tuple[Geometry, ...]], Geometry | None] = {}
    found = []
    for vote, areas in zip(votes, taken, strict=True):
        key = vote.polygon, tuple(areas)
        if key not in known:
            known[key] = _without(*key)
        if (left := known[key]) is not None:
            found.append(Vote(vote.review, left))
    return found


def _without(polygon: Geometry, taken: Sequence[Geometry]) -> Geometry | None:
    if not taken:
        return polygon
    left = parts(shapely.difference(polygon, taken[0] if len(taken) == 1 else shapely.union_all(taken)))
    kept = [part for part in left if part.area >= _LEAST_AREA]
    return shapely.union_all(kept) if kept else None


def _joined(votes: Iterable[Vote]) -> list[Finding]:
    """One finding for a lesion, whoever agreed on it."""
    together: dict[tuple[str, Outcome], list[Vote]] = defaultdict(list)
    for vote in votes:
        together[vote.lesion, _outcome(vote.review)].append(vote)
    return [
        Finding(shapely.union_all(_outlines(same)), outcome, _in_order(same)) for (_, outcome), same in together.items()
    ]


def _adjudicated(decided: Sequence[Vote], said: Sequence[tuple[ReviewRow, ...]]) -> list[Finding]:
    return [
        Finding(one.polygon, _outcome(one.review), about, one.review) for one, about in zip(decided, said, strict=True)
    ]


def _about(places: Sequence[Geometry], votes: Sequence[Vote]) -> list[tuple[ReviewRow, ...]]:
    """Of each place the reviews that say something of it."""
    of_outline: dict[Geometry, list[Vote]] = defaultdict(list)
    for vote in votes:
        of_outline[vote.polygon].append(vote)
    said = {
        place: _in_order(
            vote
            for outline in near
            if shapely.intersection(outline, place).area >= _LEAST_AREA / 2
            for vote in of_outline[outline]
        )
        for place, near in _meeting(list(dict.fromkeys(places)), list(of_outline)).items()
    }
    return [said[place] for place in places]


def _meeting(some: Sequence[Geometry], others: Sequence[Geometry]) -> dict[Geometry, list[Geometry]]:
    """Of each of some, all different, those of others that have a place in common with it, in their order."""
    found: dict[Geometry, list[Geometry]] = {one: [] for one in some}
    pairs = shapely.STRtree(others).query(np.array(some, object), predicate="intersects").T
    for one, other in sorted(map(tuple, pairs.tolist())):
        found[some[one]].append(others[other])
    return found


def _in_order(votes: Iterable[Vote]) -> tuple[ReviewRow, ...]:
    return tuple(sorted((vote.review for vote in votes), key=lambda review: review.number))


def _outcome(review: ReviewRow) -> Outcome:
    return "accepted" if accepts(review) else "rejected"
