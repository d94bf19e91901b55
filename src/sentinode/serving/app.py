"""The ASGI application, put together."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute
from starlette.types import ASGIApp

from sentinode import __version__
from sentinode.core.errors import SentinodeError
from sentinode.serving.failures import answer_failure
from sentinode.serving.openapi import describe
from sentinode.serving.problems import Problem, answer_http_error, answer_invalid, answer_problem, methods_at
from sentinode.serving.protocol.admission import Admission
from sentinode.serving.protocol.middleware import RequestMiddleware
from sentinode.serving.routes import (
    explanation_routes,
    health_routes,
    model_routes,
    page_routes,
    prediction_routes,
    registry_routes,
    review_routes,
    scan_routes,
    session_routes,
    slide_model_routes,
    slide_routes,
)
from sentinode.serving.serve_config import ServeConfig
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

    app = _App(service, lifespan)
    for routes in (
        page_routes,
        prediction_routes,
        explanation_routes,
        model_routes,
        registry_routes,
        slide_routes,
        scan_routes,
        slide_model_routes,
        review_routes,
        session_routes,
        health_routes,
    ):
        app.include_router(routes.router)
        _add_heads(app, routes.router.routes)
        app.state.known_routes += routes.router.routes
    app.state.known_routes += app.routes
    handlers: dict[Any, Any] = {
        Problem: answer_problem,
        SentinodeError: answer_problem,
        HTTPException: answer_http_error,
        RequestValidationError: answer_invalid,
        Exception: answer_failure,
    }
    for kind, handler in handlers.items():
        app.add_exception_handler(kind, handler)
    return app


def _add_heads(app: FastAPI, routes: Sequence[BaseRoute]) -> None:
    """HEAD wherever GET is (RFC 9110 9.1)."""
    for route in routes:
        if isinstance(route, APIRoute) and "GET" in (route.methods or ()):
            app.add_api_route(route.path, route.endpoint, methods=["HEAD"], include_in_schema=False)


class _App(FastAPI):
    """FastAPI with the middleware before everything of its own."""

    def __init__(self, service: Service, lifespan: Any) -> None:
        # No /docs: that page loads its scripts from another host, which the content security policy refuses.
        super().__init__(
            title="Sentinode",
            version=__version__,
            description=_ABOUT,
            lifespan=lifespan,
            docs_url=None,
            redoc_url=None,
            redirect_slashes=False,  # it would send browsers to whatever Host they asked for
            generate_unique_id_function=lambda route: route.name,  # clients are generated with these names
        )
        self.state.service = service
        self.state.known_routes = []
        """All routes; of a router FastAPI keeps only the router."""

    def build_middleware_stack(self) -> ASGIApp:
        """What a request passes: the rules for other origins, our middleware, the shortcut, FastAPI's own layers."""
        service: Service = self.state.service
        config = service.config
        admission = Admission(
            service.access,
            service.checks,
            service.store,
            hosts=config.hosts,
            names=config.names,
            origins=config.origins,
            methods_at=lambda scope: methods_at(self, scope),
        )
        stack: ASGIApp = RequestMiddleware(
            prediction_routes.Shortcut(super().build_middleware_stack()),
            admission=admission,
            metrics=service.metrics,
            limits=config.limits,
            root_path=config.root_path,
        )
        if config.origins:  # around the checks: browsers ask without a token first, and read only errors that let them
            stack = CORSMiddleware(
                stack,
                allow_origins=config.origins,
                allow_methods=["GET", "POST", "DELETE"],
                allow_headers=["Authorization", "Content-Type"],
                expose_headers=["X-Request-ID", "Retry-After", "ETag", "Content-Disposition"],
            )
        return stack

    def openapi(self) -> dict[str, Any]:
        """The description of the API."""
        if self.openapi_schema is None:
            self.openapi_schema = describe(self, self.state.service.config.root_path)
        return self.openapi_schema
