"""The server that is besieged: on this machine's loopback, or not at all."""

import contextlib
import ipaddress
import json
import socket
from dataclasses import dataclass
from http.client import HTTPConnection, HTTPException
from typing import Any
from urllib.parse import urlsplit

TIMEOUT_S = 30.0
FORM = "multipart/form-data; boundary=b"
JSON = "application/json"


@dataclass(frozen=True)
class Target:
    """Where the server listens, and a token of a reviewer where it asks for one."""

    host: str
    port: int
    root: str = ""
    token: str | None = None

    def connection(self) -> HTTPConnection:
        """A new connection of an honest client."""
        return HTTPConnection(self.host, self.port, timeout=TIMEOUT_S)

    def ask(
        self, connection: HTTPConnection, method: str, path: str, body: bytes | None = None, kind: str = JSON
    ) -> tuple[int, bytes]:
        """(status, body) of an answer.

        Raises:
            OSError, HTTPException: There is none.
        """
        connection.request(method, self.root + path, body, self.headers(kind if body is not None else None))
        answer = connection.getresponse()
        return answer.status, answer.read()

    def facts(self, path: str) -> Any:
        """An answer in JSON, or None where the server refuses."""
        with contextlib.closing(self.connection()) as connection:
            status, content = self.ask(connection, "GET", path)
        return json.loads(content) if status == 200 else None

    def headers(self, kind: str | None = None) -> dict[str, str]:
        """Of a request with the token, and with a body of that type."""
        found = {"Content-Type": kind} if kind else {}
        return {**found, "Authorization": f"Bearer {self.token}"} if self.token else found

    def head(self, method: str, path: str, *fields: str, token: bool = True) -> bytes:
        """A request's head, for a plain socket."""
        known = [f"{name}: {value}" for name, value in self.headers().items()] if token else []
        lines = [f"{method} {self.root}{path} HTTP/1.1", f"Host: {self.host}:{self.port}", *known, *fields, "", ""]
        return "\r\n".join(lines).encode("latin-1")

    def attacker(self, number: int) -> socket.socket:
        """A connection from another address of the loopback, where the system has them all (Linux)."""
        source = f"127.66.{number // 250 % 250}.{number % 250 + 1}"
        with contextlib.suppress(OSError):
            return socket.create_connection((self.host, self.port), TIMEOUT_S, (source, 0))
        return socket.create_connection((self.host, self.port), TIMEOUT_S)


def target_of(url: str, token: str | None = None) -> Target:
    """The server at a URL such as http://127.0.0.1:8000.

    Raises:
        ValueError: It is not on the loopback, or is no such URL.
    """
    parts = urlsplit(url)
    if parts.scheme != "http" or not parts.hostname:
        raise ValueError(f"{url!r} is no address of a server here; give one like http://127.0.0.1:8000")
    host = "127.0.0.1" if parts.hostname == "localhost" else parts.hostname
    try:
        loopback = ipaddress.ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not loopback:
        raise ValueError(f"{parts.hostname} is not this machine's loopback; only a server of your own is besieged")
    return Target(host, parts.port or 80, parts.path.rstrip("/"), token)


NO_ANSWER = (OSError, HTTPException)
"""What a client sees of a server that doesn't answer."""
