"""GET /models, GET /models/log; POST /models/{name}/{alias}/promote and /rollback, POST /models/{name}/retire."""

import asyncio
import logging
from collections.abc import Callable
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from sentinode.core.errors import BundleError, RegistryError
from sentinode.core.messages import one_line
from sentinode.registry.alias import ALIAS, NAME, Alias
from sentinode.registry.history import LogEntry, moment
from sentinode.registry.registry import Ready
from sentinode.serving.problems import Problem
from sentinode.serving.registry_schemas import (
    LogAnswer,
    PromotionRequest,
    ReasonRequest,
    RetirementRequest,
    Targets,
    VersionAnswer,
)
from sentinode.serving.routes.answers import answers, as_json
from sentinode.serving.service import Service, service_of, user_of

_LOG = logging.getLogger("sentinode.serving")
router = APIRouter(prefix="/models", tags=["registry"])
Name = Annotated[str, Path(description="The model's name", examples=["pcam"], pattern=f"^{NAME}$")]
AliasOf = Annotated[str, Path(description="Its alias", examples=["champion"], pattern=f"^{ALIAS}$")]
Time = Annotated[
    str | None,
    Query(description="Where aliases pointed then (ISO 8601; UTC without an offset)", examples=["2026-05-01T12:00"]),
]
OfName = Annotated[str | None, Query(description="Of this model alone", examples=["pcam"], pattern=f"^{NAME}$")]


@router.get("", responses=answers(Targets), summary="Versions and aliases")
async def list_versions(request: Request, at: Time = None) -> Response:
    """All versions, where aliases point, or pointed at a time, and which version this server answers by."""
    service = service_of(request)
    try:
        asked = at if at is None else moment(at)
    except RegistryError as error:
        raise Problem(422, str(error)) from error

    def read() -> dict[str, Any]:
        versions = service.registry.versions()
        now = {f"{one.name}@{alias}": one.sha256 for one in versions for alias in one.aliases}
        return {
            "serves": service.model.version,
            "follows": str(service.alias) if service.alias else None,
            "problem": service.follower.problem if service.follower else None,
            "aliases": now if asked is None else service.registry.at(asked),
            "versions": [version.to_json() for version in versions],
        }

    return as_json(await asyncio.to_thread(read))


@router.get("/log", responses=answers(list[LogAnswer], 404), summary="What was done")
async def list_model_log(request: Request, name: OfName = None) -> Response:
    """Who did what, when, why, from what to what, with the gate's report; the first first."""
    registry = service_of(request).registry

    def read() -> list[dict[str, Any]]:
        if name is not None:
            registry.versions(name)  # refuses one that there is not
        return [entry.to_json() for entry in registry.log(name)]

    return as_json(await asyncio.to_thread(read))


@router.post("/{name}/{alias}/promote", responses=answers(LogAnswer, 409), summary="Promote a version")
async def promote(request: Request, name: Name, alias: AliasOf, wanted: PromotionRequest) -> Response:
    """Let a version answer for which `sentinode models check` has kept a report that lets it through.

    It is opened and checked before the alias is moved; then this server answers by it at once, others on the same
    database within seconds.
    """
    service, user = service_of(request), user_of(request).name

    def move(moved: Alias, ready: Ready) -> LogEntry:
        return service.registry.promote(
            moved, wanted.version, user, wanted.reason, force=wanted.force, ready=ready
        )  # fmt: skip

    return await _moved(service, Alias.of(f"{name}@{alias}"), move)


@router.post("/{name}/{alias}/rollback", responses=answers(LogAnswer, 409), summary="Roll back")
async def roll_back(request: Request, name: Name, alias: AliasOf, wanted: ReasonRequest) -> Response:
    """Let answer what answered before the last promotion; no gate is asked."""
    service, user = service_of(request), user_of(request).name

    def move(moved: Alias, ready: Ready) -> LogEntry:
        return service.registry.rollback(moved, user, wanted.reason, ready=ready)

    return await _moved(service, Alias.of(f"{name}@{alias}"), move)


@router.post("/{name}/retire", responses=answers(VersionAnswer, 409), summary="Retire")
async def retire(request: Request, name: Name, wanted: RetirementRequest) -> Response:
    """Say that a version is not to be promoted again. Its copy is kept."""
    service, user = service_of(request), user_of(request).name
    version = await asyncio.to_thread(service.registry.retire, name, wanted.version, user, wanted.reason)
    return as_json(version.to_json())


async def _moved(service: Service, alias: Alias, move: Callable[[Alias, Ready], LogEntry]) -> Response:
    """Move an alias; where this server follows it, the version is opened before, and answers when this returns."""
    follower = service.follower if service.alias == alias else None

    def both() -> LogEntry:
        if follower is None:
            return move(alias, lambda bundle: bundle)
        entry = move(alias, follower.prepare)
        follower.look()
        return entry

    try:
        return as_json((await asyncio.to_thread(both)).to_json())
    except BundleError as error:
        _LOG.error("%s: %s", alias, one_line(error))
        raise Problem(
            409, "a version's copy can't be used, the server's log says why; add its bundle again: sentinode models add"
        ) from error
