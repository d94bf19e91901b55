"""What a slide model says of a scanned slide, and where it looked."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from sentinode.serving.problems import Problem
from sentinode.serving.routes.answers import answers, as_json, files
from sentinode.serving.routes.scan_routes import Level, Number, result_of, tile_answer
from sentinode.serving.service import Service, service_of
from sentinode.serving.slide_model_schemas import ScanSlideModelAnswer
from sentinode.serving.slides.heatmap_tiles import HeatmapTiles

router = APIRouter(prefix="/scans", tags=["scans"])


@router.get(
    "/{scan_id}/slide-model", responses=answers(ScanSlideModelAnswer, 409, 410), summary="What a slide model says"
)
async def get_slide_model(request: Request, scan_id: str) -> Response:
    """The probability of the whole slide and the tiles to look at, of a scan with a slide bundle; null without one."""
    service = service_of(request)
    result = await service.result_pool.run(request, lambda: result_of(service, scan_id))
    model = result.record.slide_model
    return as_json({"slide_model": model.model_dump(mode="json") if model else None})


@router.get(
    "/{scan_id}/attention/deepzoom.dzi",
    responses=files("application/xml", "Sizes", 409, 410),
    summary="DeepZoom descriptor of the attention",
)
async def get_attention_descriptor(request: Request, scan_id: str) -> Response:
    """The same sizes as the slide's own; 404 of a scan without a slide model."""
    service = service_of(request)
    tiles = await service.result_pool.run(request, lambda: _attention(service, scan_id))
    return Response(tiles.pyramid.descriptor("png"), media_type="application/xml")


@router.get(
    "/{scan_id}/attention/deepzoom_files/{level}/{column}_{row}.png",
    responses=files("image/png", "A tile", 409, 410),
    summary="DeepZoom tile of the attention",
)
async def get_attention_tile(request: Request, scan_id: str, level: Level, column: Number, row: Number) -> Response:
    """A tile of the attention as a share of its largest, which is no probability; 404 without a slide model."""
    service = service_of(request)
    etag = f'"{scan_id}-attention-{level}-{column}-{row}"'
    return await tile_answer(request, etag, lambda: _attention(service, scan_id), level, column, row)


def _attention(service: Service, scan_id: str) -> HeatmapTiles:
    found = result_of(service, scan_id).attention
    if found is None:
        raise Problem(404, "the scan was made without a slide model; scan with a slide bundle for attention")
    return found
