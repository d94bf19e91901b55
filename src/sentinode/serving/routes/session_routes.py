"""GET, POST and DELETE /session: the page signs in with a token and gets a cookie, so that pictures load, too."""

import asyncio

from fastapi import APIRouter, Request
from starlette.responses import Response

from sentinode.serving.problems import Problem
from sentinode.serving.protocol.admission import COOKIE, client_of, session_id_of
from sentinode.serving.routes.answers import answers, as_json
from sentinode.serving.schemas import SessionAnswer, SessionRequest
from sentinode.serving.service import Service, service_of
from sentinode.store.session_store import HOURS

router = APIRouter(prefix="/session", tags=["access"])


@router.get("", responses=answers(SessionAnswer), summary="Who asks")
async def get_session(request: Request) -> Response:
    """Whether a token is needed, and the caller's role."""
    required = service_of(request).access.required
    user = request.scope["state"].get("user")
    return as_json({"required": required, "role": user.role if user else None, "name": user.name if user else None})


@router.post("", responses=answers(SessionAnswer, 401), summary="Sign in")
async def sign_in(request: Request, given: SessionRequest) -> Response:
    """Begin a session of twelve hours: a cookie that scripts can't read and that other pages can't use."""
    service = service_of(request)
    if not service.access.required:
        user = request.scope["state"]["user"]
        return as_json({"required": False, "role": user.role, "name": user.name})
    user = await service.checks.user(given.token, client_of(request.scope))
    if user is None:
        raise Problem(401, "nobody has this token; check it, or ask the server's operator for one")
    session_id = await asyncio.to_thread(service.store.sessions.begin, user.name, user.credential)
    answer = as_json({"required": True, "role": user.role, "name": user.name})
    secure, path = request.scope["scheme"] == "https", _cookie_path(service)
    answer.set_cookie(
        COOKIE, session_id, max_age=HOURS * 3600, path=path, httponly=True, samesite="strict", secure=secure
    )
    return answer


@router.delete("", responses=answers(SessionAnswer), summary="Sign out")
async def sign_out(request: Request) -> Response:
    """End the session."""
    service = service_of(request)
    session_id = session_id_of(request.headers.get("cookie", ""))
    if session_id:
        await asyncio.to_thread(service.store.sessions.end, session_id)
    answer = as_json({"required": service.access.required, "role": None, "name": None})
    answer.delete_cookie(COOKIE, path=_cookie_path(service))
    return answer


def _cookie_path(service: Service) -> str:
    return f"{service.config.root_path}/"
