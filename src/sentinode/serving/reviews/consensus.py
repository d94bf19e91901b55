"""What a scan's reviews say together: the rule by which several reviewers' verdicts become one result.

The rule, `consensus`: of each reviewer the last word counts. Where all who judged a place agree, that is the result;
where they do not, it is `disagreed`, until an admin adjudicates it. Who said nothing of a place has no part in it. A
place is compared by its area, so verdicts that were given at different thresholds meet where they overlap.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

from sentinode.core.extras import require
from sentinode.serving.store.tables import ReviewRow
from sentinode.slides.annotations.regions import Geometry, parts

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
    """
    by_reviewer: dict[str | None, list[ReviewRow]] = defaultdict(list)
    for review in reviews:
        if not review.undone and review.polygon and (review.kind == "lesion" or review.verdict):
            by_reviewer[None if review.kind == "adjudication" else review.author].append(review)
    decided = _last_words(by_reviewer.pop(None, []))
    votes = [vote for rows in by_reviewer.values() for vote in _last_words(rows)]
    left = _outside(votes, shapely.union_all([vote.polygon for vote in decided]))
    sides = ([vote.polygon for vote in left if _accepts(vote.review) == side] for side in (True, False))
    disputed = parts(shapely.intersection(*(shapely.union_all(side) for side in sides)))
    found = [*_adjudicated(decided, votes), *_joined(_outside(left, shapely.union_all(disputed)))]
    found += [Finding(part, "disagreed", _about(part, left)) for part in disputed if part.area >= _LEAST_AREA]
    return sorted(found, key=lambda finding: finding.number)


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


def _last_words(rows: Sequence[ReviewRow]) -> list[_Vote]:
    """Of one reviewer: each lesion's last verdict, without what later ones that contradict it cover."""
    last: dict[str, _Vote] = {}
    for row in rows:
        vote = _Vote(row, shapely.geometry.shape(row.polygon))
        last.pop(vote.lesion, None)
        last[vote.lesion] = vote
    votes = list(last.values())
    tree = shapely.STRtree([vote.polygon for vote in votes])
    later: dict[int, list[Geometry]] = defaultdict(list)
    for one, other in zip(*tree.query(tree.geometries, predicate="intersects"), strict=True):
        if other > one and _accepts(votes[one].review) != _accepts(votes[other].review):
            later[one].append(votes[other].polygon)
    return [left for place, vote in enumerate(votes) for left in _outside([vote], shapely.union_all(later[place]))]


def _outside(votes: Iterable[_Vote], taken: Geometry) -> list[_Vote]:
    """What is left of votes outside of an area."""
    shapely.prepare(taken)
    found = []
    for vote in votes:
        if not shapely.intersects(taken, vote.polygon):
            found.append(vote)
        elif left := [part for part in parts(shapely.difference(vote.polygon, taken)) if part.area >= _LEAST_AREA]:
            found.append(_Vote(vote.review, shapely.union_all(left)))
    return found


def _joined(votes: Iterable[_Vote]) -> list[Finding]:
    """One finding for a lesion, whoever agreed on it."""
    together: dict[tuple[str, Outcome], list[_Vote]] = defaultdict(list)
    for vote in votes:
        together[vote.lesion, _outcome(vote.review)].append(vote)
    return [
        Finding(shapely.union_all([vote.polygon for vote in same]), outcome, _in_order(same))
        for (_, outcome), same in together.items()
    ]


def _adjudicated(decided: Iterable[_Vote], votes: Sequence[_Vote]) -> list[Finding]:
    return [Finding(one.polygon, _outcome(one.review), _about(one.polygon, votes), one.review) for one in decided]


def _about(polygon: Geometry, votes: Sequence[_Vote]) -> tuple[ReviewRow, ...]:
    """Reviews that say something of a place."""
    near = [vote for vote in votes if shapely.intersects(vote.polygon, polygon)]
    return _in_order([vote for vote in near if shapely.intersection(vote.polygon, polygon).area >= _LEAST_AREA / 2])


def _in_order(votes: Iterable[_Vote]) -> tuple[ReviewRow, ...]:
    return tuple(sorted((vote.review for vote in votes), key=lambda review: review.number))


def _outcome(review: ReviewRow) -> Outcome:
    return "accepted" if _accepts(review) else "rejected"
