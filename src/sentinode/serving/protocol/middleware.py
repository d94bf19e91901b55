"""What every request goes through: an id, bounds on its body, the checks of admission, headers, a log line, metrics."""

import logging
import time
from typing import Any

from starlette.responses import RedirectResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from sentinode.serving.failures import failure_of
from sentinode.serving.logs import reason_of
from sentinode.serving.problems import Problem, new_request_id
from sentinode.serving.protocol.admission import Admission
from sentinode.serving.protocol.body_bounds import Body, most_bytes
from sentinode.serving.protocol.server_metrics import Metrics
from sentinode.serving.serve_config import Limits

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
_NO_STORE = (b"cache-control", b"no-store")
_CLOSE = (b"connection", b"close")


class RequestMiddleware:
    """ASGI middleware. Logs hold the route's template, never a path, a query or a file name."""

    def __init__(self, app: ASGIApp, *, admission: Admission, metrics: Metrics, limits: Limits, root_path: str) -> None:
        """`root_path`: the path that the server has behind its proxy, which is taken off where the proxy leaves it."""
        self._app, self._admission, self._metrics, self._limits = app, admission, metrics, limits
        self._root = root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        start, status = time.perf_counter(), 0
        request_id = new_request_id()
        scope.setdefault("state", {})["request_id"] = request_id
        id_header = (b"x-request-id", request_id.encode())
        headers = dict(scope["headers"])
        root_only = self._take_root_off(scope)
        body = _body_of(scope, headers, receive, self._limits)

        async def answer(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                added = list(message["headers"])
                there = {name for name, _ in added}
                added += [header for header in (*_HEADERS, _NO_STORE) if header[0] not in there]
                if body is not None and not body.whole:
                    added.append(_CLOSE)  # nobody reads the rest
                message["headers"] = [*added, id_header]
            await send(message)

        try:
            try:
                if root_only:
                    await RedirectResponse(f"{self._root}/", 308)(scope, receive, answer)
                    return
                await self._admission.enter(scope, headers)
                await self._app(scope, body or receive, answer)
            except Problem as problem:
                if status:
                    raise
                await problem.response(request_id)(scope, receive, answer)
        except Exception as error:  # noqa: BLE001 - nobody foresaw it, and its message may hold a name
            _LOG.error("request %s failed: %s", request_id, reason_of(error))
            if not status:
                await failure_of(error, request_id).response(request_id)(scope, receive, answer)
        finally:
            self._note(scope, status, time.perf_counter() - start, request_id)

    def _take_root_off(self, scope: Scope) -> bool:
        """Take the root path off the request's path; whether nothing is left."""
        if self._root and scope["path"].startswith(self._root):
            rest = scope["path"][len(self._root) :]
            if rest.startswith("/"):
                scope["path"] = rest
            return not rest
        return False

    def _note(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        route: Any = scope.get("route")
        path, method = str(getattr(route, "path", "")) or "other", scope["method"]
        method = method if method in {"GET", "HEAD", "POST", "DELETE", "OPTIONS", "PUT", "PATCH"} else "other"
        self._metrics.answered(method, path, status, seconds)
        if _LOG.isEnabledFor(logging.INFO):
            _LOG.info("%s %s %d %.1f ms %s", method, path, status, seconds * 1000, request_id)


def _body_of(scope: Scope, headers: dict[bytes, bytes], receive: Receive, limits: Limits) -> Body | None:
    """The request's body under its bounds; None where it has none (RFC 9112 6)."""
    announced = headers.get(b"content-length", b"0")
    if announced == b"0" and b"transfer-encoding" not in headers:
        return None
    return Body(receive, int(announced) if announced.isdigit() else 0, most_bytes(scope["path"], limits))
