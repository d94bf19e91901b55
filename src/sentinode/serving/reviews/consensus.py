"""What a scan's reviews say together: the rule by which several reviewers' verdicts become one result.

The rule, `consensus`: of each reviewer the last word counts. Where all who judged a place agree, that is the result;
where they do not, it is `disagreed`, until an admin adjudicates it. Who said nothing of a place has no part in it. A
place is compared by its area, so verdicts that were given at different thresholds meet where they overlap.
"""

import json
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sentinode.core.extras import require
from sentinode.serving.store.tables import ReviewRow
from sentinode.slides.annotations.regions import Geometry, parts
from sentinode.slides.annotations.repair import check_tangle

shapely = require("shapely", extra="scan")

RULE = "consensus"
Outcome = Literal["accepted", "rejected", "disagreed"]
SlideResult = Literal["not reviewed", "tumour", "nothing accepted", "disagreed"]

_MOST_CROSSINGS = 200_000
"""Of all outlines of a scan: those of one lesion that many judged lie on one another, and don't cross."""
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
        return sorted({one.author for one in self.reviews if _accepts(one) == accepting})


@dataclass(frozen=True)
class _Vote:
    review: ReviewRow
    polygon: Geometry

    @property
    def lesion(self) -> str:
        return self.review.lesion_id or self.review.id


def findings_of(reviews: Sequence[ReviewRow]) -> list[Finding]:
    """The places of which reviews say something, in the order in which they were first judged or drawn.

    No two of different outcome overlap.

    Args:
        reviews: Of a scan, in the order in which they were made.

    Raises:
        TooTangledError: They overlap so often that to work it out takes long.
    """
    last = _last_votes(reviews)
    _check_overlaps([vote.polygon for vote in last])
    by_reviewer: dict[str | None, list[_Vote]] = defaultdict(list)
    for vote in last:
        by_reviewer[_voice(vote.review)].append(vote)
    decided = _uncontradicted(by_reviewer.pop(None, []))
    votes = [vote for own in by_reviewer.values() for vote in _uncontradicted(own)]
    left = _outside(votes, [vote.polygon for vote in decided])
    sides = ([vote.polygon for vote in left if _accepts(vote.review) == side] for side in (True, False))
    disputed = parts(shapely.intersection(*(shapely.union_all(side) for side in sides)))
    places = [part for part in disputed if part.area >= _LEAST_AREA]
    found = [
        *_adjudicated(decided, _about([vote.polygon for vote in decided], votes)),
        *_joined(_outside(left, disputed)),
        *(Finding(place, "disagreed", said) for place, said in zip(places, _about(places, left), strict=True)),
    ]
    return sorted(found, key=lambda finding: finding.number)


def check_addition(reviews: Sequence[ReviewRow], polygon: Geometry) -> None:
    """Refuse a polygon that would overlap a scan's reviews so often that what they say together takes long to work out.

    Raises:
        TooTangledError: It would.
    """
    _check_overlaps([*(vote.polygon for vote in _last_votes(reviews)), polygon])


def result_of(findings: Iterable[Finding]) -> SlideResult:
    """What the findings mean for the slide."""
    outcomes = {finding.outcome for finding in findings}
    if "disagreed" in outcomes:
        return "disagreed"
    if "accepted" in outcomes:
        return "tumour"
    return "nothing accepted" if outcomes else "not reviewed"


def _accepts(review: ReviewRow) -> bool:
    return review.kind == "lesion" or review.verdict == "accept"


def _voice(review: ReviewRow) -> str | None:
    """Who speaks: the reviewer, or, by any of them, the admins."""
    return None if review.kind == "adjudication" else review.author


def _last_votes(reviews: Iterable[ReviewRow]) -> list[_Vote]:
    """What each said last of each lesion, in the order of the reviews."""
    last: dict[tuple[str | None, str], ReviewRow] = {}
    for review in reviews:
        if not review.undone and review.polygon and (review.kind == "lesion" or review.verdict):
            key = _voice(review), review.lesion_id or review.id
            last.pop(key, None)
            last[key] = review
    texts = [json.dumps(review.polygon) for review in last.values()]
    known = dict(zip(unique := list(dict.fromkeys(texts)), shapely.from_geojson(unique), strict=True))
    return [_Vote(review, known[text]) for review, text in zip(last.values(), texts, strict=True)]


def _check_overlaps(polygons: Iterable[Geometry]) -> None:
    # Of the same outline one is enough, whoever judged it: it costs little to lay it over itself.
    there = {shapely.to_wkb(polygon): polygon for polygon in polygons}
    check_tangle(list(there.values()), _MOST_CROSSINGS)


def _uncontradicted(votes: Sequence[_Vote]) -> list[_Vote]:
    """Of one voice: without what later ones that contradict it cover."""
    polygons = [vote.polygon for vote in votes]
    later: dict[int, list[Geometry]] = defaultdict(list)
    for one, other in _meeting(polygons, polygons):
        if other > one and _accepts(votes[one].review) != _accepts(votes[other].review):
            later[one].append(votes[other].polygon)
    return [left for place, vote in enumerate(votes) for left in _without(vote, later[place])]


def _outside(votes: Sequence[_Vote], taken: Sequence[Geometry]) -> list[_Vote]:
    """What is left of votes outside of areas."""
    near: dict[int, list[Geometry]] = defaultdict(list)
    for place, area in _meeting([vote.polygon for vote in votes], taken):
        near[place].append(taken[area])
    return [left for place, vote in enumerate(votes) for left in _without(vote, near[place])]


def _without(vote: _Vote, taken: Sequence[Geometry]) -> list[_Vote]:
    if not taken:
        return [vote]
    left = parts(shapely.difference(vote.polygon, taken[0] if len(taken) == 1 else shapely.union_all(taken)))
    kept = [part for part in left if part.area >= _LEAST_AREA]
    return [_Vote(vote.review, shapely.union_all(kept))] if kept else []


def _joined(votes: Iterable[_Vote]) -> list[Finding]:
    """One finding for a lesion, whoever agreed on it."""
    together: dict[tuple[str, Outcome], list[_Vote]] = defaultdict(list)
    for vote in votes:
        together[vote.lesion, _outcome(vote.review)].append(vote)
    return [
        Finding(shapely.union_all([vote.polygon for vote in same]), outcome, _in_order(same))
        for (_, outcome), same in together.items()
    ]


def _adjudicated(decided: Sequence[_Vote], said: Sequence[tuple[ReviewRow, ...]]) -> list[Finding]:
    return [
        Finding(one.polygon, _outcome(one.review), about, one.review) for one, about in zip(decided, said, strict=True)
    ]


def _about(places: Sequence[Geometry], votes: Sequence[_Vote]) -> list[tuple[ReviewRow, ...]]:
    """Of each place the reviews that say something of it."""
    near: dict[int, list[_Vote]] = defaultdict(list)
    for place, number in _meeting(places, [vote.polygon for vote in votes]):
        if shapely.intersection(votes[number].polygon, places[place]).area >= _LEAST_AREA / 2:
            near[place].append(votes[number])
    return [_in_order(near[place]) for place in range(len(places))]


def _meeting(some: Sequence[Geometry], others: Sequence[Geometry]) -> Iterable[tuple[int, int]]:
    """Numbers of those that have a place in common."""
    found = shapely.STRtree(others).query(np.array(some, object), predicate="intersects")
    return zip(*found.tolist(), strict=True)


def _in_order(votes: Iterable[_Vote]) -> tuple[ReviewRow, ...]:
    return tuple(sorted((vote.review for vote in votes), key=lambda review: review.number))


def _outcome(review: ReviewRow) -> Outcome:
    return "accepted" if _accepts(review) else "rejected"
