"""The server's process: uvicorn, told to end cleanly, and how far it is."""

import gc
import ipaddress
import signal
import sys
from collections.abc import Callable
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from sentinode.core.errors import SentinodeError
from sentinode.serving.logs import start_logging

_FINISH_S = 30
"""Longest time that requests are given to end."""
_SWITCH_S = 0.0005
_GARBAGE = 10_000
"""New objects before the collector runs: some hundred requests."""
LOOPBACK_NAMES = frozenset({"localhost", "127.0.0.1", "::1"})


def is_loopback(host: str) -> bool:
    """Whether only this machine reaches the address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def check_access(host: str, *, protected: bool, insecure: bool) -> None:
    """Refuse to be open to others without a lock.

    Raises:
        SentinodeError: The address is not the loopback, and there is neither a key nor a user file.
    """
    if not (is_loopback(host) or protected or insecure):
        raise SentinodeError(
            f"{host} can be reached from other machines, and everybody there could use this server; give --users FILE "
            "or --api-key-file FILE, or --insecure if another program guards it"
        )


def allowed_hosts(host: str, names: tuple[str, ...], *, protected: bool) -> frozenset[str] | None:
    """Host names that are answered; None: any.

    Where no token is asked for, another page could have its own name point to this machine (DNS rebinding), and its
    scripts would then be taken for this server's own.
    """
    if names:
        return frozenset({*names, *LOOPBACK_NAMES})
    return LOOPBACK_NAMES | {host} if is_loopback(host) and not protected else None


class _Server(uvicorn.Server):
    """Tells the app as soon as a signal comes: uvicorn itself waits for open streams, which would wait for ever."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None], started: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping, self._tell_started = stopping, started

    async def startup(self, sockets: list[Any] | None = None) -> None:
        """Listen, then tell so."""
        await super().startup(sockets)
        if not self.should_exit:
            self._tell_started()

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """A signal to end; a second Ctrl-C does not wait for requests. uvicorn's own would raise it once more."""
        self._stopping()
        self.force_exit = self.should_exit and sig == signal.SIGINT
        self.should_exit = True


def run(app: FastAPI, host: str, port: int, started: Callable[[int], None]) -> None:
    """Serve until SIGTERM or Ctrl-C; requests that are being answered then are finished.

    Args:
        app: From `create_app`.
        host: Address to listen on.
        port: 0: any that is free.
        started: Called with the port when requests are taken.

    Raises:
        SentinodeError: The address can't be listened on.
    """
    start_logging()
    # A thread that decodes or runs the model may hold the interpreter for this long while a request waits; the usual
    # 5 ms are more than a prediction takes.
    sys.setswitchinterval(_SWITCH_S)
    # What is there now stays; the collector need not walk through it again and again.
    gc.freeze()
    gc.set_threshold(_GARBAGE)
    socket = _listening(host, port)
    server = _Server(
        uvicorn.Config(
            app,
            log_config=None,
            access_log=False,  # ours has no paths
            lifespan="on",
            timeout_graceful_shutdown=_FINISH_S,
            timeout_keep_alive=30,
            server_header=False,
            h11_max_incomplete_event_size=64 << 10,
            backlog=2048,
        ),
        app.state.service.stopping.set,
        lambda: started(socket.getsockname()[1]),
    )
    server.run(sockets=[socket])


def _listening(host: str, port: int) -> Any:
    import socket

    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        opened = socket.socket(family, socket.SOCK_STREAM)
        opened.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        opened.bind((host, port))
    except (OSError, OverflowError) as error:
        raise SentinodeError(f"can't listen on {host} port {port}: {error}; choose another --host or --port") from error
    return opened
