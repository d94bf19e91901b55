"""GET /slides and everything below a slide but its explanations; POST /slides."""

import asyncio
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from sentinode.core.errors import SentinodeError
from sentinode.core.files import storage_errors
from sentinode.serving.problems import Problem
from sentinode.serving.routes.answers import answers, as_json, cache_headers, cached, files, form
from sentinode.serving.routes.summaries import newest_scans, slide_of
from sentinode.serving.schemas import DeletedSlideAnswer, SlideAnswer, SlideFactsAnswer, SlidesAnswer
from sentinode.serving.service import Service, service_of
from sentinode.serving.slides.deepzoom import Pyramid
from sentinode.serving.slides.known_slide import KnownSlide, version_of
from sentinode.serving.uploads.slide_upload import discard, link_in, receive_slide
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.geojson import render_geojson
from sentinode.slides.annotations.placement import placed
from sentinode.slides.annotations.regions import Annotations
from sentinode.slides.slide_extent import SlideExtent

router = APIRouter(prefix="/slides", tags=["slides"])
Level = Annotated[int, Path(ge=0, le=40)]
Number = Annotated[int, Path(ge=0, le=1 << 24)]
Side = Annotated[int, Query(ge=16, le=2048, description="Pixels of the longer side")]


@router.get("", responses=answers(SlidesAnswer), summary="All slides")
async def list_slides(request: Request) -> Response:
    """The slides of the server's folder and those that were uploaded, by name."""
    service = service_of(request)
    return as_json(await service.listing_pool.run(request, lambda: _listed(service)))


@router.post(
    "",
    responses=answers(SlideAnswer, 400, 409, 413, 415, status=201),
    openapi_extra=form(
        {"file": {"type": "string", "format": "binary", "description": "A slide"}},
        ["file"],
        {"file": "(bytes of 2041-b.svs)"},
    ),
    status_code=201,
    summary="Upload a slide",
)
async def upload_slide(request: Request) -> Response:
    """Takes a slide of one file into the server's own folder; it is refused where no reader opens it."""
    service, config = service_of(request), service_of(request).config
    arrived = await receive_slide(request, config.incoming, config.uploads, config.limits.slide_bytes)
    # Not given up when the client goes: whether the slide stays must be decided.
    return as_json(await asyncio.to_thread(_taken_in, service, arrived), 201)


@router.delete("/{slide_id}", responses=answers(DeletedSlideAnswer, 409), summary="Delete an uploaded slide")
async def delete_slide(request: Request, slide_id: str) -> Response:
    """Deletes its file; scans of it that wait or run are cancelled, what they found stays. Only of uploads."""
    service = service_of(request)
    known = await slide_of(service, slide_id)
    if not known.uploaded:
        message = f"{known.path.name} lies in the folder that the server was given, which it only reads"
        raise Problem(409, f"{message}; remove the file there")
    return as_json(await asyncio.to_thread(_deleted, service, known))


@router.get("/{slide_id}", responses=answers(SlideFactsAnswer), summary="A slide")
async def get_slide(request: Request, slide_id: str) -> Response:
    """The same as in the list, with what the file says of itself."""
    service = service_of(request)
    return as_json(await service.listing_pool.run(request, lambda: _facts(service, slide_id)))


@router.get("/{slide_id}/thumbnail", responses=files("image/jpeg", "The slide, small"), summary="Thumbnail")
async def get_thumbnail(
    request: Request, slide_id: str, max_side: Annotated[int, Query(ge=16, le=2048)] = 512
) -> Response:
    """The whole slide as JPEG."""

    def draw(service: Service, known: KnownSlide) -> bytes:
        return service.slide_views.thumbnail(known, max_side)

    return await _view(request, slide_id, f"thumbnail-{max_side}", "image/jpeg", draw)


@router.get("/{slide_id}/deepzoom.dzi", responses=files("application/xml", "Sizes"), summary="DeepZoom descriptor")
async def get_slide_descriptor(request: Request, slide_id: str) -> Response:
    """The pyramid's sizes: 256-px tiles without overlap."""

    def draw(service: Service, known: KnownSlide) -> bytes:
        return _pyramid(service, known).descriptor("jpeg")

    return await _view(request, slide_id, "dzi", "application/xml", draw)


@router.get(
    "/{slide_id}/deepzoom_files/{level}/{column}_{row}.jpeg",
    responses=files("image/jpeg", "A tile"),
    summary="DeepZoom tile",
)
async def get_slide_tile(request: Request, slide_id: str, level: Level, column: Number, row: Number) -> Response:
    """A tile; level n is half of level n + 1, the last one is the slide's own."""

    def draw(service: Service, known: KnownSlide) -> bytes:
        _pyramid(service, known).tile(level, column, row)
        return service.slide_views.tile(known, level, column, row)

    return await _view(request, slide_id, f"{level}-{column}-{row}", "image/jpeg", draw)


@router.get("/{slide_id}/tissue.png", responses=files("image/png", "The mask"), summary="Tissue mask")
async def get_tissue(request: Request, slide_id: str) -> Response:
    """The tissue by rules as RGBA, to be laid over the slide: coloured where there is tissue."""

    def draw(service: Service, known: KnownSlide) -> bytes:
        return service.slide_views.tissue(known)

    return await _view(request, slide_id, "tissue", "image/png", draw)


@router.get(
    "/{slide_id}/annotations", responses=files("application/geo+json", "GeoJSON, level-0 px"), summary="Annotations"
)
async def get_annotations(request: Request, slide_id: str) -> Response:
    """The regions of the annotation file that lies beside the slide or in the server's folder of annotations.

    Its member `notes` says what of the file is not among them, such as tumour that was drawn as a line, or was mended.
    """
    service = service_of(request)
    known = await slide_of(service, slide_id)
    text = await service.view_pool.run(request, lambda: _annotations(service, known))
    return Response(text, media_type="application/geo+json")


def _listed(service: Service) -> dict[str, Any]:
    scans = newest_scans(service)
    facts = (service.library.facts(known) for known in service.library.all())
    return {"slides": [{**_in_list(one), "scan": scans.get(one["id"])} for one in facts]}


def _facts(service: Service, slide_id: str) -> dict[str, Any]:
    known = service.library.get(slide_id)  # as its file is now
    facts = service.library.facts(known)
    scan = newest_scans(service).get(known.id)
    return {**_in_list(facts), "scan": scan, "properties": facts["properties"]}


def _in_list(facts: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if name not in ("properties", "origin")}


def _pyramid(service: Service, known: KnownSlide) -> Pyramid:
    facts = service.library.ready_facts(known)
    return Pyramid(facts["width"], facts["height"])


def _annotations(service: Service, known: KnownSlide) -> str:
    path = service.library.annotations(known)
    if path is None:
        raise Problem(404, "the slide has no annotations; put NAME.xml or NAME.geojson beside its file")
    try:
        drawn = read_annotations(path)
        facts = service.library.ready_facts(known)
        extent = SlideExtent(known.name, facts["width"], facts["height"], *facts["origin"])
        drawn = placed(drawn, extent)
        return render_geojson(drawn.regions, notes=[note.replace(str(path), path.name) for note in _notes(drawn)])
    except SentinodeError as error:
        raise Problem(422, " ".join(str(error).replace(str(path), path.name).split())) from error


def _notes(drawn: Annotations) -> list[str]:
    lost = f"tumour is drawn as {drawn.shapes_without_area}, which has no area: it is not shown, and counts for nothing"
    return [*([lost] if drawn.tumour_without_area else []), *drawn.warnings]


def _taken_in(service: Service, arrived: FilePath) -> dict[str, Any]:
    """The facts of a slide that has just come, and that a process of its own has looked at before it is taken in."""
    library, config = service.library, service.config
    try:
        stat = arrived.stat()
        arriving = KnownSlide("", arrived, version_of(stat.st_size, stat.st_mtime_ns), uploaded=True)
        facts = service.slide_views.facts(arriving)
        _refuse_large_image(facts, arrived.name, config.limits.image_pixels)
        path = link_in(arrived, config.uploads)
    finally:
        discard(arrived)
    library.forget_listing()
    known = next((slide for slide in library.all() if slide.path == path), None)
    if known is None:
        path.unlink(missing_ok=True)
        raise Problem(422, "the slide can't be listed; give its file another name")
    return {**_in_list(library.facts(known)), "scan": None}


def _refuse_large_image(facts: dict[str, Any], name: str, most: int) -> None:
    # It would be held in memory as a whole by each process that draws it.
    if facts["properties"]["reader"] == "image" and facts["width"] * facts["height"] > most:
        size = f"{facts['width']:,}×{facts['height']:,} px"
        message = f"{name} is a plain image of {size}, {most:,} pixels are allowed without tiles"
        raise Problem(413, f"{message}; save it as a pyramid, as a tiled TIFF with coarser levels")


def _deleted(service: Service, known: KnownSlide) -> dict[str, Any]:
    ended = service.jobs.cancel_of(known.id)
    service.store.slides.delete(known.id)
    with storage_errors(known.path):
        known.path.unlink(missing_ok=True)
    service.library.forget_listing()
    service.library.all()
    ended += service.jobs.cancel_of(known.id)  # asked for meanwhile
    service.jobs.clear_away(known.id)
    service.views.forget(f'"{known.id}-')
    service.slide_views.forget(known.path)
    return {"id": known.id, "name": known.name, "scans_cancelled": ended}


async def _view(
    request: Request, slide_id: str, what: str, media_type: str, draw: Callable[[Service, KnownSlide], bytes]
) -> Response:
    """Something that is drawn from a slide: kept, and not sent again to whoever has it."""
    service = service_of(request)
    known = await slide_of(service, slide_id)
    etag = f'"{known.id}-{known.version}-{what}"'
    if (unchanged := cached(request, etag)) is not None:
        return unchanged
    content = service.views.find(etag)
    if content is None:
        content = await service.view_pool.run(request, lambda: service.views.get(etag, lambda: draw(service, known)))
    return Response(content, media_type=media_type, headers=cache_headers(etag))
