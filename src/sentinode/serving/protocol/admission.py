"""Whether a request is let in: the name it asks for, the page it comes from, the user and their role."""

import asyncio
import hmac
import re
from collections.abc import Callable, Collection
from http.cookies import CookieError, SimpleCookie
from urllib.parse import urlsplit

from starlette.types import Scope

from sentinode.serving.access.token_checks import TokenChecks
from sentinode.serving.access.tokens import LOCAL, Access, User, required_role
from sentinode.serving.problems import Problem, not_there
from sentinode.serving.protocol.connection_register import address_of
from sentinode.store.database import Store
from sentinode.store.session_store import binding

COOKIE = "sentinode_session"
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")


class Admission:
    """Lets requests in and says who asks, or raises a problem."""

    def __init__(
        self,
        access: Access,
        checks: TokenChecks,
        store: Store,
        *,
        hosts: Collection[str] | None,
        names: Collection[str],
        origins: Collection[str],
        methods_at: Callable[[Scope], Collection[str]],
    ) -> None:
        """Args:
        access: Who may do what.
        checks: Of tokens.
        store: Of sessions.
        hosts: Names that are answered to; None: any.
        names: The server's own names: a page of such a name is its own, also where a proxy asks for another one.
        origins: Of other pages that may use the API.
        methods_at: The methods that a request's path has.
        """
        self._access, self._checks, self._store = access, checks, store
        self._hosts, self._names, self._origins, self._methods_at = hosts, names, origins, methods_at

    async def enter(self, scope: Scope, headers: dict[bytes, bytes]) -> None:
        """Set the request's user.

        Raises:
            Problem: It is not let in.
        """
        method, path = scope["method"], scope["path"]
        self._check_names(method, headers)
        if _CONTROL.search(path):
            raise Problem(404, "there is nothing at this path, which has control characters; see /openapi.json")
        scope["state"]["user"] = user = await self._user(scope, headers)
        needed = required_role(method, path)
        if needed is None:
            return
        if user is None:
            challenge = {"WWW-Authenticate": 'Bearer realm="sentinode"'}
            if b"authorization" in headers:
                message = "nobody has the token that was sent; check it, or ask the server's operator for one"
                raise Problem(401, message, headers=challenge)
            raise Problem(401, "a token is needed; send it as Authorization: Bearer TOKEN", headers=challenge)
        if not user.may(needed):
            if method not in (methods := self._methods_at(scope)):
                raise not_there(methods)
            raise Problem(403, f"this needs the role {needed}, {user.name} is {user.role}; ask the server's operator")

    def _check_names(self, method: str, headers: dict[bytes, bytes]) -> None:
        host = headers.get(b"host", b"").decode("latin-1")
        name = _name_of(f"//{host}")
        if name is None:
            raise Problem(400, f"the Host header {host[:80]!r} is no name of a server; send its name or address")
        if self._hosts is not None and name not in self._hosts:
            raise Problem(
                421, f"this server does not answer to the name {host[:80]!r}; use its address, or start it with --name"
            )
        origin = headers.get(b"origin", b"").decode("latin-1")
        if origin and method not in {"GET", "HEAD", "OPTIONS"} and not self._is_own(origin, host):
            raise Problem(403, f"requests from pages of {origin[:80]!r} are refused; allow it with --allow-origin")

    def _is_own(self, origin: str, host: str) -> bool:
        scheme, _, place = origin.partition("://")
        return origin in self._origins or (scheme in {"http", "https"} and (place == host or place in self._names))

    async def _user(self, scope: Scope, headers: dict[bytes, bytes]) -> User | None:
        if not self._access.required:
            return LOCAL
        scheme, _, token = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
        if scheme.lower() == "bearer" and token:
            return await self._checks.user(token.strip(), client_of(scope))
        session = session_id_of(headers.get(b"cookie", b"").decode("latin-1"))
        if session:
            row = await asyncio.to_thread(self._store.sessions.find, session)
            user = self._access.named(row.user_name) if row else None
            if row and user and hmac.compare_digest(row.binding, binding(session, user.credential)):
                return user
        return None


def client_of(scope: Scope) -> str:
    """What stands for the client's address."""
    client = scope.get("client")
    return address_of(client[0]) if client else ""


def session_id_of(header: str) -> str | None:
    """The session's id in a Cookie header."""
    if COOKIE not in header:
        return None
    try:
        found = SimpleCookie(header).get(COOKIE)
    except CookieError:
        return None
    return found.value if found else None


def _name_of(url: str) -> str | None:
    """The host of a URL without its port ("" for none), [::1]:80 too; None: it can't be one."""
    try:
        parts = urlsplit(url)
        parts.port  # noqa: B018 - it is the check
    except ValueError:
        return None
    return parts.hostname or ""
