"""Reviews of scans: verdicts, drawn lesions, comments; undoing; export as annotations."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from sentinode.serving.access.tokens import User
from sentinode.serving.problems import Problem
from sentinode.serving.review_schemas import ConsensusAnswer, ReviewAnswer, ReviewRequest, ReviewsAnswer
from sentinode.serving.reviews.drawn_polygons import checked_polygon, parsed_polygon
from sentinode.serving.reviews.review_regions import check_overlaps, consensus_fields, exported, review_fields
from sentinode.serving.routes.answers import answers, as_json, attachment, files
from sentinode.serving.routes.summaries import scan_of
from sentinode.serving.scans.scan_results import ScanResult, lesion_id
from sentinode.serving.service import Service, service_of, user_of
from sentinode.store.review_store import NotTheirsError, TooManyReviewsError
from sentinode.store.tables import ReviewRow, ScanRow

router = APIRouter(tags=["reviews"])

WholeSlide = Annotated[
    bool,
    Query(
        description="All of the slide was reviewed: what is neither accepted nor drawn is no tumour", examples=[True]
    ),
]


@router.get("/scans/{scan_id}/reviews", responses=answers(ReviewsAnswer), summary="Reviews of a scan")
async def list_reviews(request: Request, scan_id: str) -> Response:
    """All of them in their order, those that were undone too."""
    return as_json(await asyncio.to_thread(_reviews, service_of(request), scan_id))


@router.post(
    "/scans/{scan_id}/reviews",
    responses=answers(ReviewAnswer, 409, 410, status=201),
    status_code=201,
    summary="Review a lesion, or draw one",
)
async def add_review(request: Request, scan_id: str, given: ReviewRequest) -> Response:
    """Saved at once under the caller's name, with the polygon that it judges: it outlives a change of threshold.

    It replaces nobody's: a reviewer's own later verdict on the same place counts, and others' stand beside it. An
    adjudication decides where reviewers disagree; it needs the role admin.
    """
    service, user = service_of(request), user_of(request)
    if given.kind == "adjudication" and not user.may("admin"):
        raise Problem(403, f"an adjudication needs the role admin, {user.name} is {user.role}; ask an admin")
    row = await service.result_pool.run(request, lambda: _add(service, scan_id, given, user.name))
    return as_json(review_fields(row), 201)


@router.get(
    "/scans/{scan_id}/reviews/consensus", responses=answers(ConsensusAnswer), summary="What the reviews say together"
)
async def consensus_of_reviews(request: Request, scan_id: str) -> Response:
    """By the rule that exports follow, too: where all who judged a place agree, that is the result.

    Where they do not, the place is `disagreed`, until an admin adjudicates it; then that decides. A slide is
    `disagreed` as long as one of its places is.
    """
    service = service_of(request)
    row = await asyncio.to_thread(scan_of, service, scan_id)
    return as_json(
        await service.result_pool.run(request, lambda: consensus_fields(service.store.reviews.of_scan(row.id)))
    )


@router.delete("/reviews/{review_id}", responses=answers(ReviewAnswer), summary="Undo a review")
async def undo_review(request: Request, review_id: str) -> Response:
    """Marks it as undone; nothing is deleted. A reviewer may undo their own, an admin any.

    An admin may undo what its author undid already: then the author can't restore it.
    """
    return await _mark(request, review_id, undone=True)


@router.post("/reviews/{review_id}/restore", responses=answers(ReviewAnswer), summary="Restore an undone review")
async def restore_review(request: Request, review_id: str) -> Response:
    """Takes the undoing back, which is marked, too. A reviewer may if they undid it themselves, an admin always."""
    return await _mark(request, review_id, undone=False)


@router.get(
    "/scans/{scan_id}/reviews.geojson",
    responses=files("application/geo+json", "Accepted and drawn: Tumor; rejected: rejected; disagreed: disagreed", 409),
    summary="Reviews as GeoJSON for QuPath",
)
async def reviews_as_geojson(request: Request, scan_id: str, whole_slide: WholeSlide = False) -> Response:
    """Accepted and drawn lesions as tumour, others as class `rejected` or `disagreed`; level-0 pixels."""
    return await _export(request, scan_id, "geojson", "application/geo+json", whole_slide=whole_slide)


@router.get(
    "/scans/{scan_id}/reviews.xml",
    responses=files("application/xml", "Accepted and drawn lesions", 409),
    summary="Reviews as ASAP XML",
)
async def reviews_as_xml(request: Request, scan_id: str, whole_slide: WholeSlide = False) -> Response:
    """Accepted and drawn lesions as tumour; those that were rejected or are disagreed on are left out."""
    return await _export(request, scan_id, "xml", "application/xml", whole_slide=whole_slide)


def _reviews(service: Service, scan_id: str) -> dict[str, Any]:
    rows = service.store.reviews.of_scan(scan_of(service, scan_id).id)
    return {"reviews": [review_fields(row) for row in rows]}


def _add(service: Service, scan_id: str, given: ReviewRequest, author: str) -> ReviewRow:
    row = scan_of(service, scan_id)
    _check_file(service, row)
    result = service.results.get(row)
    slide = result.record.slide
    polygon = given.polygon
    if given.kind == "lesion" and given.verdict is not None:
        raise Problem(422, "a drawn lesion has no verdict; leave it out")
    if given.kind == "lesion" and given.lesion_id is not None:
        raise Problem(422, "a drawn lesion gets its own id; leave lesion_id out")
    if given.kind == "verdict" and given.verdict is None and not given.comment.strip():
        raise Problem(422, "a verdict needs accept or reject, or a comment")
    if given.kind == "adjudication" and given.verdict is None:
        raise Problem(422, "an adjudication needs accept or reject; say which")
    if given.lesion_id is not None:
        polygon = _polygon_of(service, row.id, result, given.lesion_id, polygon)
    if polygon is None:
        raise Problem(422, "a review needs the polygon that it judges or draws; send GeoJSON in level-0 pixels")
    checked = checked_polygon(polygon, slide.width, slide.height)
    if given.kind == "lesion" or given.verdict:
        check_overlaps(service.outlines, row.id, checked)
    try:
        return service.store.reviews.add(
            row.id,
            kind=given.kind,
            lesion_id=given.lesion_id,
            verdict=given.verdict,
            polygon=checked,
            comment=given.comment.strip().replace("\0", ""),
            author=author,
        )
    except TooManyReviewsError:
        raise Problem(409, "this scan has as many reviews as it may; scan the slide again to go on") from None


def _check_file(service: Service, row: ScanRow) -> None:
    """Refuse a scan of another file than bears the slide's name now: what is drawn there would become its truth.

    Raises:
        Problem: 409.
    """
    service.library.all()  # as it is now, not when it was listed last
    service.jobs.files.check(row, service.library.find(row.slide_id) if row.slide_id else None)


def _polygon_of(
    service: Service, scan_id: str, result: ScanResult, about: str, polygon: dict[str, Any] | None
) -> dict[str, Any]:
    """The polygon of a lesion: a verdict under one lesion's id must not be on another's outline.

    Raises:
        Problem: 422 where it is of no lesion of this scan, or not this lesion's.
    """
    drawn = service.store.reviews.get(about)
    if drawn is not None and drawn.scan_id == scan_id and drawn.kind == "lesion" and drawn.polygon:
        if polygon in (None, drawn.polygon):
            return drawn.polygon
    elif polygon is None:
        found = result.lesions(None)
        listed = [*found["lesions"], *found["suspicious"]]
        if outline := next((lesion["polygon"] for lesion in listed if lesion["id"] == about), None):
            return dict(outline)
    elif lesion_id(result.record.key, parsed_polygon(polygon)) == about:
        return polygon
    raise Problem(
        422,
        f"this scan has no lesion {about!r} with that polygon; send the two as GET /scans/ID/lesions has them, "
        "or the polygon without lesion_id",
    )


async def _mark(request: Request, review_id: str, *, undone: bool) -> Response:
    marked = await asyncio.to_thread(_marked, service_of(request), user_of(request), review_id, undone=undone)
    return as_json(review_fields(marked))


def _marked(service: Service, user: User, review_id: str, *, undone: bool) -> ReviewRow:
    try:
        marked = service.store.reviews.mark(review_id, undone=undone, user_name=user.name, is_admin=user.may("admin"))
    except NotTheirsError as error:
        raise Problem(403, str(error)) from error
    if marked is None:
        raise Problem(404, f"there is no review {review_id[:40]!r}; GET /scans/ID/reviews lists a scan's")
    return marked


async def _export(request: Request, scan_id: str, kind: str, media_type: str, *, whole_slide: bool) -> Response:
    """A file NAME.kind to save: `sentinode tiles` and `sentinode mine` look for the slide's name."""
    service = service_of(request)
    row = await asyncio.to_thread(scan_of, service, scan_id)

    def text_of() -> str:
        _check_file(service, row)
        extent = service.results.get(row).record.slide.extent
        origin = (extent.origin_x, extent.origin_y)
        return exported(service.store.reviews.of_scan(row.id), kind, whole_slide=whole_slide, origin=origin)

    text = await service.result_pool.run(request, text_of)
    return Response(text, media_type=media_type, headers=attachment(f"{row.slide_name}.{kind}"))
