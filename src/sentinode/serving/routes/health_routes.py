"""GET /health/live, /health/ready, /metrics."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from sentinode.serving.protocol.server_metrics import CONTENT_TYPE
from sentinode.serving.routes.answers import answers, as_json, files
from sentinode.serving.schemas import Live, Ready
from sentinode.serving.service import service_of

router = APIRouter(tags=["operation"])


@router.get("/health/live", responses=answers(Live, example={"status": "alive"}), summary="Whether the process answers")
async def get_live() -> Response:
    """For a watchdog: restart what does not answer."""
    return as_json({"status": "alive"})


@router.get("/health/ready", responses=answers(Ready), summary="Whether predictions can be made")
async def get_ready(request: Request) -> Response:
    """For a load balancer: 503 while the model is being loaded, and where it can't be."""
    service_of(request).model.engine  # noqa: B018 - it is the check
    return as_json({"status": "ready"})


@router.get("/metrics", responses=files("text/plain", "Prometheus' text format"), summary="Metrics")
async def get_metrics(request: Request) -> Response:
    """Latency, queues, predictions by class, share of low confidence, scans."""
    service = service_of(request)
    service.metrics.scans(await asyncio.to_thread(service.store.scans.counts))
    model = service.model
    service.metrics.model(model.served.info.name, model.version, ready=model.ready)
    return Response(service.metrics.text(), media_type=CONTENT_TYPE)
