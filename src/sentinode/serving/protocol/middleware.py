"""What every request goes through: an id, the checks of host, origin and access, headers, a log line and metrics."""

import asyncio
import hmac
import logging
import random
import secrets
import time
from http.cookies import CookieError, SimpleCookie
from typing import Any
from urllib.parse import urlsplit

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sentinode.serving.access.tokens import LOCAL, Access, TooManyChecksError, User, required_role
from sentinode.serving.logs import places_of
from sentinode.serving.problems import Problem, busy
from sentinode.serving.protocol.server_metrics import Metrics
from sentinode.serving.store.database import Store
from sentinode.serving.store.session_store import binding

COOKIE = "sentinode_session"
_LOG = logging.getLogger("sentinode.serving")

CONTENT_SECURITY_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; object-src 'none'; base-uri 'none'; "
    "form-action 'self'; frame-ancestors 'self'"
)
_HEADERS = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"no-referrer"),
    (b"x-frame-options", b"SAMEORIGIN"),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"cross-origin-resource-policy", b"same-origin"),
    (b"permissions-policy", b"camera=(), microphone=(), geolocation=()"),
)
_IDS = random.Random(secrets.randbits(256))
"""Ids need not be secret, and asking the system for each would let go of the interpreter's lock."""
_NO_STORE = (b"cache-control", b"no-store")


class RequestMiddleware:
    """ASGI middleware. Logs hold the route's template, never a path, a query or a file name."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        access: Access,
        store: Store,
        metrics: Metrics,
        hosts: frozenset[str] | None,
        origins: tuple[str, ...],
    ) -> None:
        self._app, self._access, self._store, self._metrics = app, access, store, metrics
        self._hosts, self._origins = hosts, origins

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0
        request_id = f"{_IDS.getrandbits(64):016x}"
        scope.setdefault("state", {})["request_id"] = request_id
        id_header = (b"x-request-id", request_id.encode())

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = list(message["headers"])
                there = {name for name, _ in headers}
                headers += [header for header in (*_HEADERS, _NO_STORE) if header[0] not in there]
                message["headers"] = [*headers, id_header]
            await send(message)

        try:
            try:
                await self._enter(scope)
                await self._app(scope, receive, answer)
            except Problem as problem:
                if status:
                    raise
                await problem.response(request_id)(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - nobody foresaw it, and its message may hold a name
            _LOG.error("request %s failed: %s", request_id, places_of(error))
            if not status:
                failed = Problem(500, f"the server failed; tell its operator the request id {request_id}")
                await failed.response(request_id)(scope, receive, answer)
        finally:
            self._note(scope, status, time.perf_counter() - start, request_id)

    async def _enter(self, scope: Scope) -> None:
        """Let the request in and set its user, or raise a `Problem`."""
        headers = dict(scope["headers"])
        host = headers.get(b"host", b"").decode("latin-1")
        if self._hosts is not None and _host_name(host) not in self._hosts:
            raise Problem(
                421, f"this server does not answer to the name {host[:80]!r}; use its address, or start it with --name"
            )
        method = scope["method"]
        if method not in {"GET", "HEAD", "OPTIONS"}:
            origin = headers.get(b"origin", b"").decode("latin-1")
            if origin and origin not in self._origins and urlsplit(origin).netloc != host:
                raise Problem(403, f"requests from pages of {origin[:80]!r} are refused; allow it with --allow-origin")
        scope["state"]["user"] = user = await self._user(headers)
        needed = required_role(method, scope["path"])
        if needed is None:
            return
        if user is None:
            challenge = {"WWW-Authenticate": 'Bearer realm="sentinode"'}
            raise Problem(401, "a token is needed; send it as Authorization: Bearer TOKEN", headers=challenge)
        if not user.may(needed):
            raise Problem(403, f"this needs the role {needed}, {user.name} is {user.role}; ask the server's operator")

    async def _user(self, headers: dict[bytes, bytes]) -> User | None:
        if not self._access.required:
            return LOCAL
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if scheme.lower() == "bearer" and token:
            return await user_of(self._access, token.strip())
        session = session_id_of(headers.get(b"cookie", b"").decode("latin-1"))
        if session:
            row = await asyncio.to_thread(self._store.sessions.find, session)
            user = self._access.named(row.user_name) if row else None
            if row and user and hmac.compare_digest(row.binding, binding(session, user.credential)):
                return user
        return None

    def _note(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route: Any = scope.get("route")
        path, method = str(getattr(route, "path", "")) or "other", scope["method"]
        method = method if method in {"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"} else "other"
        self._metrics.answered(method, path, status, seconds)
        if _LOG.isEnabledFor(logging.INFO):
            _LOG.info("%s %s %d %.1f ms %s", method, path, status, seconds * 1000, request_id)


async def user_of(access: Access, token: str) -> User | None:
    """The user of a token.

    Raises:
        Problem: 503 while too many tokens are being checked.
    """
    user = access.remembered(token)
    if user is None:
        try:
            user = await asyncio.to_thread(access.check, token)
        except TooManyChecksError:
            raise busy("too many tokens are being checked") from None
    return user


def _host_name(host: str) -> str:
    """Without the port; [::1]:80 too."""
    return (urlsplit(f"//{host}").hostname or "") if host else ""


def session_id_of(header: str) -> str | None:
    """The session's id in a Cookie header."""
    if COOKIE not in header:
        return None
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None
