"""GET /slides and everything below a slide but its explanations; POST /slides."""

import asyncio
from collections.abc import Callable
from pathlib import Path as FilePath
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from sentinode.core.errors import SentinodeError
from sentinode.scanning.overview import survey_slide
from sentinode.serving.problems import Problem
from sentinode.serving.routes.answers import answers, as_json, cache_headers, cached, files, form
from sentinode.serving.routes.summaries import newest_scans, slide_of
from sentinode.serving.schemas import SlideAnswer, SlideFactsAnswer, SlidesAnswer
from sentinode.serving.service import Service, service_of
from sentinode.serving.slides.deepzoom import Pyramid, jpeg, png, slide_tile
from sentinode.serving.slides.slide_library import KnownSlide
from sentinode.serving.uploads.slide_upload import receive_slide
from sentinode.slides.annotations.annotation_file import read_annotations
from sentinode.slides.annotations.geojson import render_geojson
from sentinode.slides.annotations.placement import placed
from sentinode.slides.slide import Slide
from sentinode.slides.tissue.tissue_mask import TissueConfig

router = APIRouter(prefix="/slides", tags=["slides"])
Level = Annotated[int, Path(ge=0, le=40)]
Number = Annotated[int, Path(ge=0, le=1 << 24)]
Side = Annotated[int, Query(ge=16, le=2048, description="Pixels of the longer side")]
_TISSUE = (0, 114, 178, 110)


@router.get("", responses=answers(SlidesAnswer), summary="All slides")
async def list_slides(request: Request) -> Response:
    """The slides of the server's folder and those that were uploaded, by name."""
    service = service_of(request)
    return as_json(await service.view_pool.run(request, lambda: _listed(service)))


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
    service = service_of(request)
    path = await receive_slide(request, service.config.uploads, service.config.limits.slide_bytes)
    # Not given up when the client goes: whether the slide stays must be decided.
    return as_json(await asyncio.to_thread(_taken_in, service, path), 201)


@router.get("/{slide_id}", responses=answers(SlideFactsAnswer), summary="A slide")
async def get_slide(request: Request, slide_id: str) -> Response:
    """The same as in the list, with what the file says of itself."""
    service = service_of(request)
    known = await slide_of(service, slide_id)
    return as_json(await service.view_pool.run(request, lambda: _facts(service, known)))


@router.get("/{slide_id}/thumbnail", responses=files("image/jpeg", "The slide, small"), summary="Thumbnail")
async def get_thumbnail(
    request: Request, slide_id: str, max_side: Annotated[int, Query(ge=16, le=2048)] = 512
) -> Response:
    """The whole slide as JPEG."""

    def render(slide: Slide) -> bytes:
        return jpeg(slide.thumbnail(max_side=max_side), 85)

    return await _view(request, slide_id, f"thumbnail-{max_side}", "image/jpeg", render)


@router.get("/{slide_id}/deepzoom.dzi", responses=files("application/xml", "Sizes"), summary="DeepZoom descriptor")
async def get_slide_descriptor(request: Request, slide_id: str) -> Response:
    """The pyramid's sizes: 256-px tiles without overlap."""

    def render(slide: Slide) -> bytes:
        return Pyramid(slide.width, slide.height).descriptor("jpeg")

    return await _view(request, slide_id, "dzi", "application/xml", render)


@router.get(
    "/{slide_id}/deepzoom_files/{level}/{column}_{row}.jpeg",
    responses=files("image/jpeg", "A tile"),
    summary="DeepZoom tile",
)
async def get_slide_tile(request: Request, slide_id: str, level: Level, column: Number, row: Number) -> Response:
    """A tile; level n is half of level n + 1, the last one is the slide's own."""

    def render(slide: Slide) -> bytes:
        return slide_tile(slide, level, column, row)

    return await _view(request, slide_id, f"{level}-{column}-{row}", "image/jpeg", render)


@router.get("/{slide_id}/tissue.png", responses=files("image/png", "The mask"), summary="Tissue mask")
async def get_tissue(request: Request, slide_id: str) -> Response:
    """The tissue by rules as RGBA, to be laid over the slide: coloured where there is tissue."""

    def render(slide: Slide) -> bytes:
        mask = survey_slide(slide, TissueConfig()).mask.mask
        return png(np.where(mask[..., None], np.array(_TISSUE, np.uint8), np.uint8(0)).astype(np.uint8))

    return await _view(request, slide_id, "tissue", "image/png", render)


@router.get(
    "/{slide_id}/annotations", responses=files("application/geo+json", "GeoJSON, level-0 px"), summary="Annotations"
)
async def get_annotations(request: Request, slide_id: str) -> Response:
    """The regions of the annotation file that lies beside the slide or in the server's folder of annotations."""
    service = service_of(request)
    known = await slide_of(service, slide_id)
    text = await service.view_pool.run(request, lambda: _annotations(service, known))
    return Response(text, media_type="application/geo+json")


def _listed(service: Service) -> dict[str, Any]:
    scans = newest_scans(service)
    return {
        "slides": [{**service.library.facts(known), "scan": scans.get(known.id)} for known in service.library.all()]
    }


def _facts(service: Service, known: KnownSlide) -> dict[str, Any]:
    facts = service.library.facts(known)
    properties = service.library.properties(known) if facts["status"] == "ready" else {}
    return {**facts, "scan": newest_scans(service).get(known.id), "properties": properties}


def _annotations(service: Service, known: KnownSlide) -> str:
    path = service.library.annotations(known)
    if path is None:
        raise Problem(404, "the slide has no annotations; put NAME.xml or NAME.geojson beside its file")
    try:
        drawn = read_annotations(path)
        with service.library.open(known) as slide:
            return render_geojson(placed(drawn, slide.extent).regions)
    except SentinodeError as error:
        raise Problem(422, " ".join(str(error).replace(str(path), path.name).split())) from error


def _taken_in(service: Service, path: FilePath) -> dict[str, Any]:
    """The facts of a slide that has just come; one that no reader opens is removed."""
    library = service.library
    library.forget_listing()
    known = next((slide for slide in library.all() if slide.path == path), None)
    facts = library.facts(known) if known else {"problem": "the slide can't be listed; give its file another name"}
    if facts["problem"] is not None:
        path.unlink(missing_ok=True)
        library.forget_listing()
        raise Problem(422, str(facts["problem"]))
    return {**facts, "scan": None}


async def _view(
    request: Request, slide_id: str, what: str, media_type: str, render: Callable[[Slide], bytes]
) -> Response:
    """Something that is drawn from a slide: kept, and not sent again to whoever has it."""
    service = service_of(request)
    known = await slide_of(service, slide_id)
    etag = f'"{known.id}-{known.version}-{what}"'
    if (unchanged := cached(request, etag)) is not None:
        return unchanged
    content = service.views.find(etag)
    if content is None:
        content = await service.view_pool.run(request, lambda: _rendered(service, known, etag, render))
    return Response(content, media_type=media_type, headers=cache_headers(etag))


def _rendered(service: Service, known: KnownSlide, key: str, render: Callable[[Slide], bytes]) -> bytes:
    with service.library.open(known) as slide:
        return service.views.get(key, lambda: render(slide))
