"""POST /predict, POST /predict/batch."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Any

import numpy as np
from fastapi import APIRouter, Query, Request
from numpy.typing import NDArray
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import ASGIApp, Receive, Scope, Send

from sentinode.core.errors import SentinodeError
from sentinode.serving.predictions.predictor import Answer, Asked
from sentinode.serving.predictions.served_model import ServedModel
from sentinode.serving.problems import Problem, answer_problem, request_id
from sentinode.serving.routes.answers import FILE, answers, as_json, form
from sentinode.serving.schemas import BatchAnswer, PredictionAnswer
from sentinode.serving.service import Service, service_of, user_of
from sentinode.serving.uploads.form_upload import Part, body_limit, read_form
from sentinode.serving.uploads.image_upload import decode_upload, fit, is_small_png
from sentinode.serving.workers.bounded_pool import while_connected

router = APIRouter(tags=["predictions"])
Resize = Annotated[
    bool, Query(description="Resize square images of another size than the model's tiles", examples=[True])
]


@router.post(
    "/predict",
    responses=answers(PredictionAnswer, 400, 413, 415),
    openapi_extra=form({"file": FILE}, ["file"], {"file": "(bytes of patch.png)"}),
    summary="Classify an image",
)
async def predict(request: Request, resize: Resize = False) -> Response:
    """The class of an image, calibrated; `low_confidence` asks for a look at it."""
    return await _predicted(request, resize=resize)


class Shortcut:
    """ASGI middleware: takes POST /predict without a query to `predict` past the routing and FastAPI's own checks,
    of which that request needs none, and which take as long as a third of a prediction.
    """

    def __init__(self, app: ASGIApp) -> None:
        self._app = app
        self._route = next(route for route in router.routes if isinstance(route, Route) and route.path == "/predict")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http" or scope["path"] != "/predict" or scope["method"] != "POST" or scope["query_string"]:
            await self._app(scope, receive, send)
            return
        scope["route"] = self._route  # for the log line and the metrics
        request = Request(scope, receive, send)
        try:
            response = await _predicted(request, resize=False)
        except SentinodeError as error:
            response = await answer_problem(request, error)
        await response(scope, receive, send)


async def _predicted(request: Request, *, resize: bool) -> Response:
    service = service_of(request)
    model = service.model
    model.check_images()
    limits = service.config.limits
    async with service.bodies.reading(request, body_limit(limits.image_bytes)) as body:
        with service.batcher.coming(1) as arrived:
            content = the_file(await read_form(request, body, most_files=1), "file").content
            image = await _image(service, model, content, resize=resize)
            arrived()
            answer = service.batcher.submit(Asked(model, image, content, request_id(request), user_of(request).name))
        return as_json((await while_connected(request, answer)).to_json())


@router.post(
    "/predict/batch",
    responses=answers(BatchAnswer, 400, 413, 415),
    openapi_extra=form(
        {"files": {"type": "array", "items": FILE}}, ["files"], {"files": ["(bytes of a.png)", "(bytes of b.svg)"]}
    ),
    summary="Classify several images",
)
async def predict_batch(request: Request, resize: Resize = False) -> Response:
    """An entry for each file, in their order; one that can't be predicted has its problem instead."""
    service = service_of(request)
    model = service.model
    model.check_images()
    limits = service.config.limits
    async with service.bodies.reading(request, body_limit(limits.batch_bytes, limits.batch_files)) as body:
        form_parts = await read_form(request, body, most_files=limits.batch_files)
        parts = [part for part in form_parts if part.file is not None and part.name == "files"]
        if not parts:
            raise Problem(422, "the form has no file in a field called files; send each image as a field files")
        if len(parts) > limits.batch_files:
            raise Problem(
                413, f"the form has {len(parts)} files, {limits.batch_files} are allowed; send fewer at a time"
            )
        with service.batcher.coming(len(parts)) as arrived:
            entries = [_one(request, service, model, part, arrived, resize=resize) for part in parts]
            found = await asyncio.gather(*entries)
        return as_json({"predictions": found})


async def _one(
    request: Request, service: Service, model: ServedModel, part: Part, arrived: Any, *, resize: bool
) -> dict[str, Any]:
    asked_by = request_id(request)
    try:
        try:
            image = await _image(service, model, part.content, resize=resize)
        finally:
            arrived()
        answer = service.batcher.submit(Asked(model, image, part.content, asked_by, user_of(request).name))
        found: Answer = await while_connected(request, answer)
    except Problem as problem:
        return {"file": part.file, "problem": problem.fields(asked_by)}
    return {"file": part.file, **found.to_json()}


def the_file(parts: list[Part], name: str) -> Part:
    """The one file of a form.

    Raises:
        Problem: 422 where there is none or several.
    """
    found = [part for part in parts if part.name == name and part.file is not None]
    if len(found) != 1:
        raise Problem(
            422, f"the form has {len(found)} files in a field called {name}; send one (field {name}, with a name)"
        )
    return found[0]


async def _image(
    service: Service, model: ServedModel, content: bytes, *, resize: bool
) -> Callable[[], NDArray[np.uint8]]:
    """What gives an uploaded image as the model takes it: a small one is decoded where the batch is run."""
    if is_small_png(content):
        # Passing it from thread to thread would take longer than decoding it.
        return lambda: fit(decode_upload(content, service.config.limits), model.engine, resize=resize)
    image = await decoded(service, model, content, resize=resize)
    return lambda: image


async def decoded(service: Service, model: ServedModel, content: bytes, *, resize: bool) -> NDArray[np.uint8]:
    """An uploaded image as a model takes it, decoded in a thread or a process."""
    engine = model.engine
    return await service.decoder.decode(content, lambda image: fit(image, engine, resize=resize))
