"""The ASGI application, put together."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from sentinode import __version__
from sentinode.core.errors import SentinodeError
from sentinode.serving.config import ServeConfig
from sentinode.serving.gate import Gate
from sentinode.serving.openapi import describe
from sentinode.serving.problems import Problem, answer_http_error, answer_invalid, answer_problem
from sentinode.serving.routes import explaining, health, model, page, predicting, reviews, scans, session, slides
from sentinode.serving.service import Service

_ABOUT = """Finds metastases in lymph-node histology. **For research use only.**

Errors are `application/problem+json` (RFC 9457): `detail` has the value that was wrong and what to do.
Coordinates are level-0 pixels of the slide. Where access is on, send `Authorization: Bearer TOKEN`."""


def create_app(config: ServeConfig) -> FastAPI:
    """The application; what it holds is started and stopped with its lifespan.

    Raises:
        SentinodeError: Bundle, database or user file can't be used.
    """
    service = Service(config)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        service.start()
        yield
        await service.stop()

    # No /docs: that page loads its scripts from another host, which the content security policy refuses.
    app = FastAPI(
        title="Sentinode",
        version=__version__,
        description=_ABOUT,
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        generate_unique_id_function=lambda route: route.name,  # of all routes: clients are generated with these names
    )
    app.state.service = service
    for module in (page, predicting, explaining, model, slides, scans, reviews, session, health):
        app.include_router(module.router)
    handlers: dict[Any, Any] = {
        Problem: answer_problem,
        SentinodeError: answer_problem,
        HTTPException: answer_http_error,
        RequestValidationError: answer_invalid,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    app.add_middleware(predicting.Shortcut)  # within the gate, and within the rules for other origins
    if config.origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=config.origins,
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=["Authorization", "Content-Type"],
        )
    app.add_middleware(
        Gate,
        access=service.access,
        store=service.store,
        metrics=service.metrics,
        hosts=config.hosts,
        origins=config.origins,
    )
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    if app.openapi_schema is None:
        app.openapi_schema = describe(app)
    return app.openapi_schema
