"""POST /explain, GET /explain/methods, POST /slides/{id}/explain."""

import time
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from numpy.typing import NDArray
from starlette.responses import Response

from sentinode.core.errors import SentinodeError
from sentinode.scanning.scan_config import ScanConfig
from sentinode.serving.predictions.predictor import Asked
from sentinode.serving.predictions.served_model import ServedModel
from sentinode.serving.problems import Problem, request_id
from sentinode.serving.remedies import unfit_model
from sentinode.serving.routes.answers import FILE, answers, as_json, form
from sentinode.serving.routes.prediction_routes import Resize, decoded, the_file
from sentinode.serving.routes.summaries import slide_of
from sentinode.serving.schemas import ExplanationAnswer, MethodAnswer, TileExplanationAnswer, TilePlace
from sentinode.serving.service import Service, service_of, user_of
from sentinode.serving.slides.known_slide import KnownSlide
from sentinode.serving.uploads.form_upload import Part, body_limit, read_form
from sentinode.serving.workers.bounded_pool import while_connected
from sentinode.serving.workers.explanation_child import data_url
from sentinode.slides.tile_plan import start_before

router = APIRouter(tags=["explanations"])
_FIELDS = {
    "file": FILE,
    "method": {"type": "string", "description": "A name of GET /explain/methods; without: the default"},
    "class": {"type": "string", "description": "The class to explain; without: the positive one"},
}
Measure = Annotated[
    bool, Query(description="Measure the map's faithfulness, too, which takes seconds", examples=[True])
]


@router.get("/explain/methods", responses=answers(list[MethodAnswer], 501), summary="Ways to explain")
async def list_explanation_methods(request: Request) -> Response:
    """The methods that suit the model, the default first."""
    service, asked = service_of(request), time.monotonic()
    bundle = service.model.bundle
    known = service.explainer.known_methods(bundle)
    if known is None:
        known = await service.explanation_pool.run(request, lambda: service.explainer.find_methods(bundle, asked))
    return as_json(known)


@router.post(
    "/explain",
    responses=answers(ExplanationAnswer, 400, 413, 415, 501),
    openapi_extra=form(_FIELDS, ["file"], {"file": "(bytes of patch.png)", "method": "gradcam", "class": "tumour"}),
    summary="Classify and explain an image",
)
async def explain(request: Request, resize: Resize = False, faithfulness: Measure = False) -> Response:
    """The prediction, and a map of what in the image speaks for the class, as a picture to lay over it."""
    service = service_of(request)
    model = service.model
    model.check_images()
    limits = service.config.limits
    async with service.bodies.reading(request, body_limit(limits.image_bytes)) as body:
        parts = await read_form(request, body, most_files=1)
        part = the_file(parts, "file")
        image = await decoded(service, model, part.content, resize=resize)
        method, target = _text(parts, "method"), _text(parts, "class")
        found = await _explained(request, model, image, part.content, method, target, faithfulness=faithfulness)
    return as_json(found)


@router.post(
    "/slides/{slide_id}/explain", responses=answers(TileExplanationAnswer, 501), summary="Explain a tile of a slide"
)
async def explain_tile(request: Request, slide_id: str, place: TilePlace) -> Response:
    """The tile of the scanning grid that holds the place, its prediction and its map."""
    service = service_of(request)
    known = await slide_of(service, slide_id)
    model = service.model
    model.check_tiles()  # refuses now, before the slide is read
    box, tile = await service.view_pool.run(request, lambda: _tile(service, model, known, place))
    found = await _explained(
        request, model, tile, tile.tobytes(), place.method, place.target, faithfulness=place.faithfulness
    )
    return as_json({**found, "tile": box, "image": data_url(tile, "PNG")})


async def _explained(
    request: Request,
    model: ServedModel,
    image: NDArray[np.uint8],
    content: bytes,
    method: str | None,
    target: str | None,
    *,
    faithfulness: bool,
) -> dict[str, Any]:
    service = service_of(request)
    with service.batcher.coming(1) as arrived:
        arrived()
        asking = Asked(model, lambda: image, content, request_id(request), user_of(request).name)
        answer = service.batcher.submit(asking)
    prediction = await while_connected(request, answer)
    asked = time.monotonic()
    explained = await service.explanation_pool.run(
        request,
        lambda: service.explainer.explain(model.bundle, image, method, target, asked, faithfulness=faithfulness),
    )
    return {"prediction": prediction.to_json(), **explained}


def _tile(
    service: Service, model: ServedModel, known: KnownSlide, place: TilePlace
) -> tuple[dict[str, int], NDArray[np.uint8]]:
    """The tile of the scanning grid that holds a place: its level-0 rectangle and its pixels."""
    facts = service.library.ready_facts(known)
    width, height, mpp = facts["width"], facts["height"], facts["mpp"]
    if not (0 <= place.x < width and 0 <= place.y < height):
        raise Problem(422, f"the place ({place.x:g}, {place.y:g}) is outside the slide of {width} × {height} px")
    if mpp is None:
        raise Problem(422, f"{known.path.name} does not say its µm/px; save it again with it")
    try:
        spec = ScanConfig().tile_spec(model.info)
    except SentinodeError as error:
        raise unfit_model(error) from error
    step_x, step_y = (spec.step_px * spec.mpp / mpp[axis] for axis in ("x", "y"))
    x0, y0 = start_before(place.x, step_x), start_before(place.y, step_y)
    tile = service.slide_views.pixels(known, spec.mpp, x0, y0, spec.size_px)
    return {"x": x0, "y": y0, "width": max(1, round(step_x)), "height": max(1, round(step_y))}, tile


def _text(parts: list[Part], name: str) -> str | None:
    found = [part.content for part in parts if part.name == name and part.file is None]
    return found[-1][:200].decode("utf-8", "replace").strip() or None if found else None
