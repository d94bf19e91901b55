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
from sentinode.serving.reviews.reviewed_outlines import MOST_CROSSINGS
from sentinode.serving.reviews.vote_areas import LEAST_AREA, VoteAreas, about, unique
from sentinode.serving.reviews.votes import Vote, accepts, key_of, last_votes
from sentinode.slides.annotations.regions import Geometry, parts
from sentinode.slides.annotations.tangle import tangle_of
from sentinode.store.tables import ReviewRow

shapely = require("shapely", extra="scan")

RULE = "consensus"
Outcome = Literal["accepted", "rejected", "disagreed"]
SlideResult = Literal["not reviewed", "tumour", "nothing accepted", "disagreed"]


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
    tangle_of(unique(vote.polygon for vote in last), MOST_CROSSINGS)
    by_reviewer: dict[str | None, list[Vote]] = defaultdict(list)
    for vote in last:
        by_reviewer[key_of(vote.review)[0]].append(vote)
    areas = VoteAreas()
    decided = areas.uncontradicted(by_reviewer.pop(None, []))
    votes = [vote for own in by_reviewer.values() for vote in areas.uncontradicted(own)]
    left = areas.outside(votes, unique(vote.polygon for vote in decided))
    sides = (unique(vote.polygon for vote in left if accepts(vote.review) == side) for side in (True, False))
    disputed = parts(shapely.intersection(*(shapely.union_all(side) for side in sides)))
    places = [part for part in disputed if part.area >= LEAST_AREA]
    found = [
        *_adjudicated(decided, about([vote.polygon for vote in decided], votes)),
        *_joined(areas.outside(left, disputed)),
        *(
            Finding(place, "disagreed", _in_order(said))
            for place, said in zip(places, about(places, left), strict=True)
        ),
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


def _joined(votes: Iterable[Vote]) -> list[Finding]:
    """One finding for a lesion, whoever agreed on it."""
    together: dict[tuple[str, Outcome], list[Vote]] = defaultdict(list)
    for vote in votes:
        together[vote.lesion, _outcome(vote.review)].append(vote)
    return [
        Finding(shapely.union_all(unique(vote.polygon for vote in same)), outcome, _in_order(same))
        for (_, outcome), same in together.items()
    ]


def _adjudicated(decided: Sequence[Vote], said: Sequence[Sequence[Vote]]) -> list[Finding]:
    return [
        Finding(one.polygon, _outcome(one.review), _in_order(votes), one.review)
        for one, votes in zip(decided, said, strict=True)
    ]


def _in_order(votes: Iterable[Vote]) -> tuple[ReviewRow, ...]:
    return tuple(sorted((vote.review for vote in votes), key=lambda review: review.number))


def _outcome(review: ReviewRow) -> Outcome:
    return "accepted" if accepts(review) else "rejected"
