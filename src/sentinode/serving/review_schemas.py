"""The shapes of reviews, as clients send and get them."""

from typing import Any, Literal

from pydantic import Field

from sentinode.serving.schemas import NO_CONTROLS, AnswerShape, RequestShape

ReviewKind = Literal["verdict", "lesion", "adjudication"]


class ReviewRequest(RequestShape):
    """A verdict on a lesion, a comment, a lesion that was drawn, or what an admin decides."""

    kind: ReviewKind
    lesion_id: str | None = Field(
        default=None,
        max_length=64,
        pattern=NO_CONTROLS,
        description="Of a lesion with this very polygon, or the id of a review that drew one; null: the polygon alone",
    )
    verdict: Literal["accept", "reject"] | None = None
    polygon: dict[str, Any] | None = Field(default=None, description="GeoJSON Polygon or MultiPolygon, level-0 pixels")
    comment: str = Field(default="", max_length=4000)


class ReviewMark(AnswerShape):
    """That a review was undone, or restored."""

    undone: bool
    author: str
    created: str


class ReviewAnswer(AnswerShape):
    """A review."""

    id: str
    kind: ReviewKind
    lesion_id: str | None
    verdict: Literal["accept", "reject"] | None
    polygon: dict[str, Any] | None
    comment: str
    author: str
    created: str
    undone: bool
    undone_by: str | None
    history: list[ReviewMark] = Field(description="When it was undone and restored, the last at the end")


class ReviewsAnswer(AnswerShape):
    """All reviews of a scan in their order, those that were undone too."""

    reviews: list[ReviewAnswer]


class FindingAnswer(AnswerShape):
    """A place that was judged or drawn."""

    outcome: Literal["accepted", "rejected", "disagreed"]
    polygon: dict[str, Any] = Field(description="GeoJSON, level-0 pixels; of a disagreement what is judged differently")
    accepted_by: list[str] = Field(description="Who accepted or drew it")
    rejected_by: list[str]
    adjudicated_by: str | None = Field(description="The admin who decided; null: nobody had to, or has yet")
    reviews: list[str] = Field(description="Ids of the reviewers' verdicts that count")


class ConsensusAnswer(AnswerShape):
    """What the reviews of a scan say together."""

    rule: Literal["consensus"] = Field(
        description="Each reviewer's last verdict counts; where they differ it is open until an admin adjudicates"
    )
    result: Literal["not reviewed", "tumour", "nothing accepted", "disagreed"]
    reviewers: list[str]
    findings: list[FindingAnswer]
