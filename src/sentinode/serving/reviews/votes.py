"""What reviews count for: of each reviewer the last word on a lesion."""

import json
from collections.abc import Iterable
from dataclasses import dataclass

from sentinode.core.extras import require
from sentinode.slides.annotations.regions import Geometry
from sentinode.store.tables import ReviewRow

shapely = require("shapely", extra="scan")

Key = tuple[str | None, str]
"""Who speaks (the reviewer or, as None, any of the admins who adjudicate), and of what."""


@dataclass(frozen=True)
class Vote:
    """A review that accepts, rejects or draws, and where."""

    review: ReviewRow
    polygon: Geometry

    @property
    def lesion(self) -> str:
        """What it is about; of a drawn lesion itself."""
        return key_of(self.review)[1]


def is_vote(review: ReviewRow) -> bool:
    """Whether it says what a place is, while it is not undone; a comment does not."""
    return bool(review.polygon and (review.kind == "lesion" or review.verdict))


def accepts(review: ReviewRow) -> bool:
    """Whether a vote says that there is tumour."""
    return review.kind == "lesion" or review.verdict == "accept"


def key_of(review: ReviewRow) -> Key:
    """Of the votes with the same key the last counts."""
    return None if review.kind == "adjudication" else review.author, review.lesion_id or review.id


def last_votes(reviews: Iterable[ReviewRow]) -> list[Vote]:
    """What each said last of each lesion, in the order of the reviews."""
    last: dict[Key, ReviewRow] = {}
    for review in reviews:
        if is_vote(review) and not review.undone:
            last.pop(key_of(review), None)
            last[key_of(review)] = review
    return [Vote(review, polygon) for review, polygon in zip(last.values(), outlines_of(last.values()), strict=True)]


def outlines_of(votes: Iterable[ReviewRow]) -> list[Geometry]:
    """The polygon of each; of the same outline it is the same object."""
    texts = [json.dumps(vote.polygon) for vote in votes]
    known = dict(zip(unique := list(dict.fromkeys(texts)), shapely.from_geojson(unique), strict=True))
    return [known[text] for text in texts]
