"""POST /scans, GET /scans and what a finished scan has found."""

import asyncio
import json
import time
from collections.abc import AsyncIterator, Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from sentinode.serving.problems import Problem, busy
from sentinode.serving.routes.answers import answers, as_json, cache_headers, cached, files
from sentinode.serving.routes.summaries import scan_of, scan_summary
from sentinode.serving.scans.scan_results import ScanResult
from sentinode.serving.schemas import GridAnswer, LesionsAnswer, ScanAnswer, ScanRequest, ScansAnswer
from sentinode.serving.service import Service, service_of, user_of
from sentinode.serving.slides.heatmap_tiles import HeatmapTiles
from sentinode.serving.slides.known_slide import KnownSlide

router = APIRouter(prefix="/scans", tags=["scans"])
Threshold = Annotated[float | None, Query(ge=0.01, le=1, description="Without: the scan's own", examples=[0.7])]
Level = Annotated[int, Path(ge=0, le=40)]
Number = Annotated[int, Path(ge=0, le=1 << 24)]
_LOOK_S = 0.25
_KEEP_ALIVE_S = 15.0


@router.post(
    "",
    responses={**answers(ScanAnswer, status=202), 200: {"model": ScanAnswer}},
    status_code=202,
    summary="Scan a slide",
)
async def start_scan(request: Request, wanted: ScanRequest) -> Response:
    """Queue a scan: 202. One of the same slide, model and settings that is there or on its way is answered: 200.

    A slide that can't be read, or does not say its µm/px, is refused at once.
    """
    service = service_of(request)
    slide = await service.listing_pool.run(request, lambda: _scannable(service, wanted.slide_id))
    given = {"stride": wanted.stride, "test_time": wanted.test_time}
    settings = {name: value for name, value in given.items() if value is not None}
    user = user_of(request).name
    row, new = await asyncio.to_thread(service.jobs.submit, slide, settings, user)
    return as_json(scan_summary(service, row), 202 if new else 200)


@router.get("", responses=answers(ScansAnswer), summary="All scans")
async def list_scans(request: Request) -> Response:
    """All scans, the newest first."""
    service = service_of(request)
    rows = await asyncio.to_thread(service.store.scans.all)
    return as_json({"scans": [scan_summary(service, row) for row in rows]})


_EVENTS = {"text/event-stream": {"schema": {"type": "string"}}}


@router.get(
    "/{scan_id}",
    responses={**answers(ScanAnswer), 200: {"model": ScanAnswer, "content": _EVENTS}},
    summary="A scan, or its progress as it comes",
)
async def get_scan(request: Request, scan_id: str) -> Response:
    """A scan; asked for as text/event-stream, events `progress` with the same, until it ends."""
    service = service_of(request)
    row = await asyncio.to_thread(scan_of, service, scan_id)
    if "text/event-stream" not in request.headers.get("accept", ""):
        return as_json(scan_summary(service, row))
    return Response(media_type="text/event-stream") if request.method == "HEAD" else _Events(service, scan_id)


@router.delete("/{scan_id}", responses=answers(ScanAnswer, 409), summary="Cancel a scan")
async def cancel_scan(request: Request, scan_id: str) -> Response:
    """Cancel a scan that waits or runs; the same scan asked for again goes on from where it was."""
    return as_json(await asyncio.to_thread(_cancelled, service_of(request), scan_id))


@router.get("/{scan_id}/lesions", responses=answers(LesionsAnswer, 409, 410), summary="Lesions at a threshold")
async def list_lesions(request: Request, scan_id: str, threshold: Threshold = None) -> Response:
    """The lesions, the most suspicious first, recomputed from the heatmap at this threshold."""
    service = service_of(request)
    return as_json(await service.result_pool.run(request, lambda: result_of(service, scan_id).lesions(threshold)))


@router.get("/{scan_id}/grid", responses=answers(GridAnswer, 409, 410), summary="The heatmap's cells")
async def get_grid(request: Request, scan_id: str) -> Response:
    """Every cell's probability, for the cursor and for a preview of thresholds."""
    service = service_of(request)
    return as_json(await service.result_pool.run(request, lambda: result_of(service, scan_id).grid()))


@router.get(
    "/{scan_id}/heatmap/deepzoom.dzi",
    responses=files("application/xml", "Sizes", 409, 410),
    summary="DeepZoom descriptor of the heatmap",
)
async def get_heatmap_descriptor(request: Request, scan_id: str) -> Response:
    """The same sizes as the slide's own."""
    service = service_of(request)
    result = await service.result_pool.run(request, lambda: result_of(service, scan_id))
    return Response(result.tiles.pyramid.descriptor("png"), media_type="application/xml")


@router.get(
    "/{scan_id}/heatmap/deepzoom_files/{level}/{column}_{row}.png",
    responses=files("image/png", "A tile", 409, 410),
    summary="DeepZoom tile of the heatmap",
)
async def get_heatmap_tile(request: Request, scan_id: str, level: Level, column: Number, row: Number) -> Response:
    """A tile in colours that every reader tells apart; transparent where nothing was scanned."""
    service = service_of(request)
    etag = f'"{scan_id}-{level}-{column}-{row}"'
    return await tile_answer(request, etag, lambda: result_of(service, scan_id).tiles, level, column, row)


async def tile_answer(
    request: Request, etag: str, tiles: Callable[[], HeatmapTiles], level: int, column: int, row: int
) -> Response:
    """A tile of a map over a slide, from the cache if it is there; `tiles` gives the map."""
    service = service_of(request)
    if (unchanged := cached(request, etag)) is not None:
        return unchanged
    content = service.views.find(etag)
    if content is None:
        found = await service.result_pool.run(request, tiles)
        content = await service.result_pool.run(
            request, lambda: service.views.get(etag, lambda: found.tile(level, column, row))
        )
    return Response(content, media_type="image/png", headers=cache_headers(etag))


def result_of(service: Service, scan_id: str) -> ScanResult:
    """The result of a finished scan.

    Raises:
        Problem: 404 where there is no such scan, 409 where it is not finished, 410 where its folder is gone.
    """
    return service.results.get(scan_of(service, scan_id))


def _cancelled(service: Service, scan_id: str) -> dict[str, Any]:
    service.jobs.cancel(scan_of(service, scan_id))
    return scan_summary(service, scan_of(service, scan_id))


class _Events(StreamingResponse):
    """A scan's progress, counted for exactly as long as it is sent."""

    def __init__(self, service: Service, scan_id: str) -> None:
        super().__init__(_events(service, scan_id), media_type="text/event-stream")
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        service = self._service
        if service.streams >= service.config.limits.streams:
            raise busy("too many clients follow scans", 10)
        service.streams += 1
        try:
            await super().__call__(scope, receive, send)
        finally:
            service.streams -= 1


def _scannable(service: Service, slide_id: str) -> KnownSlide:
    """The slide as its file is now.

    Raises:
        Problem: 404 where it is gone, 422 where it can't be scanned.
    """
    service.library.forget_listing()
    known = service.library.get(slide_id)
    if service.library.ready_facts(known)["mpp"] is None:
        raise Problem(422, f"{known.path.name} does not say its µm/px; save it again with it")
    return known


async def _events(service: Service, scan_id: str) -> AsyncIterator[str]:
    last, told = "", time.monotonic()
    while not service.stopping.is_set():
        row = await asyncio.to_thread(service.store.scans.get, scan_id)
        if row is None:
            return
        text = json.dumps(scan_summary(service, row), ensure_ascii=False)
        if text != last:
            last, told = text, time.monotonic()
            yield f"event: progress\ndata: {text}\n\n"
        elif time.monotonic() - told > _KEEP_ALIVE_S:
            told = time.monotonic()
            yield ": still here\n\n"
        if row.status in ("finished", "failed", "cancelled"):
            return
        await asyncio.sleep(_LOOK_S)
