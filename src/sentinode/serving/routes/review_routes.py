"""Reviews of scans: verdicts, drawn lesions, comments; undoing; export as annotations."""

import asyncio
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from sentinode.serving.access.tokens import User
from sentinode.serving.problems import Problem
from sentinode.serving.reviews.review_regions import checked_polygon, exported, review_fields
from sentinode.serving.routes.answers import answers, as_json, attachment, files
from sentinode.serving.routes.summaries import scan_of
from sentinode.serving.schemas import ReviewAnswer, ReviewRequest, ReviewsAnswer
from sentinode.serving.service import Service, service_of, user_of
from sentinode.serving.store.tables import ReviewRow

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
    """Saved at once under the caller's name, with the polygon that it judges: it outlives a change of threshold."""
    service, author = service_of(request), user_of(request).name
    row = await service.view_pool.run(request, lambda: _add(service, scan_id, given, author))
    return as_json(review_fields(row), 201)


@router.delete("/reviews/{review_id}", responses=answers(ReviewAnswer), summary="Undo a review")
async def undo_review(request: Request, review_id: str) -> Response:
    """Marks it as undone; nothing is deleted. A reviewer may undo their own, an admin any."""
    return await _mark(request, review_id, undone=True)


@router.post("/reviews/{review_id}/restore", responses=answers(ReviewAnswer), summary="Restore an undone review")
async def restore_review(request: Request, review_id: str) -> Response:
    """Takes the undoing back."""
    return await _mark(request, review_id, undone=False)


@router.get(
    "/scans/{scan_id}/reviews.geojson",
    responses=files("application/geo+json", "Accepted and drawn: Tumor; rejected: rejected", 409),
    summary="Reviews as GeoJSON for QuPath",
)
async def reviews_as_geojson(request: Request, scan_id: str, whole_slide: WholeSlide = False) -> Response:
    """Accepted and drawn lesions as tumour, rejected ones as class `rejected`; level-0 pixels."""
    return await _export(request, scan_id, "geojson", "application/geo+json", whole_slide=whole_slide)


@router.get(
    "/scans/{scan_id}/reviews.xml",
    responses=files("application/xml", "Accepted and drawn lesions", 409),
    summary="Reviews as ASAP XML",
)
async def reviews_as_xml(request: Request, scan_id: str, whole_slide: WholeSlide = False) -> Response:
    """Accepted and drawn lesions as tumour; rejected ones are left out."""
    return await _export(request, scan_id, "xml", "application/xml", whole_slide=whole_slide)


def _reviews(service: Service, scan_id: str) -> dict[str, Any]:
    rows = service.store.reviews.of_scan(scan_of(service, scan_id).id)
    return {"reviews": [review_fields(row) for row in rows]}


def _add(service: Service, scan_id: str, given: ReviewRequest, author: str) -> ReviewRow:
    row = scan_of(service, scan_id)
    result = service.results.get(row)
    slide = result.record.slide
    polygon = given.polygon
    if given.kind == "lesion" and given.verdict is not None:
        raise Problem(422, "a drawn lesion has no verdict; leave it out")
    if given.kind == "verdict" and given.verdict is None and not given.comment.strip():
        raise Problem(422, "a verdict needs accept or reject, or a comment")
    if polygon is None and given.lesion_id and given.kind == "verdict":
        lesions = result.lesions(None)["lesions"]
        polygon = next((lesion["polygon"] for lesion in lesions if lesion["id"] == given.lesion_id), None)
    if polygon is None:
        raise Problem(422, "a review needs the polygon that it judges or draws; send GeoJSON in level-0 pixels")
    return service.store.reviews.add(
        row.id,
        kind=given.kind,
        lesion_id=given.lesion_id,
        verdict=given.verdict,
        polygon=checked_polygon(polygon, slide.width, slide.height),
        comment=given.comment.strip().replace("\0", ""),
        author=author,
    )


async def _mark(request: Request, review_id: str, *, undone: bool) -> Response:
    marked = await asyncio.to_thread(_marked, service_of(request), user_of(request), review_id, undone=undone)
    return as_json(review_fields(marked))


def _marked(service: Service, user: User, review_id: str, *, undone: bool) -> ReviewRow:
    row = service.store.reviews.get(review_id)
    if row is not None and row.author != user.name and not user.may("admin"):
        raise Problem(403, f"the review is by {row.author}; they or an admin may undo and restore it")
    marked = service.store.reviews.mark(review_id, undone_by=user.name if undone else None)
    if marked is None:
        raise Problem(404, f"there is no review {review_id[:40]!r}; GET /scans/ID/reviews lists a scan's")
    return marked


async def _export(request: Request, scan_id: str, kind: str, media_type: str, *, whole_slide: bool) -> Response:
    """A file NAME.kind to save: `sentinode tiles` and `sentinode mine` look for the slide's name."""
    service = service_of(request)
    row = await asyncio.to_thread(scan_of, service, scan_id)

    def text_of() -> str:
        extent = service.results.get(row).record.slide.extent
        origin = (extent.origin_x, extent.origin_y)
        return exported(service.store.reviews.of_scan(row.id), kind, whole_slide=whole_slide, origin=origin)

    text = await service.view_pool.run(request, text_of)
    return Response(text, media_type=media_type, headers=attachment(f"{row.slide_name}.{kind}"))
