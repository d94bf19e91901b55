"""The server's process: uvicorn, told to end cleanly, and how far it is."""

import gc
import os
import queue
import signal
import sys
import threading
import time
from collections.abc import Callable
from functools import partial
from types import FrameType
from typing import Any

import uvicorn
from fastapi import FastAPI

from sentinode.core.errors import SentinodeError
from sentinode.serving.logs import start_logging
from sentinode.serving.protocol.connection import Connection
from sentinode.serving.protocol.connection_register import ConnectionRegister
from sentinode.serving.protocol.server_metrics import Metrics
from sentinode.serving.serve_config import ServeConfig

_FINISH_S = 8
"""Longest time that requests are given to end: a container's stop waits for ten."""
_END_S = 9.5
"""After which the process ends whatever is still at work: what was answered is kept by then."""
_SWITCH_S = 0.0005
_GARBAGE = 10_000
"""New objects before the collector runs: some hundred requests."""
_OTHER_FILES = 256
"""Of slides, workers and the database."""


class _Server(uvicorn.Server):
    """Tells the app as soon as a signal comes: uvicorn itself waits for open streams, which would wait for ever."""

    def __init__(self, config: uvicorn.Config, stopping: Callable[[], None], started: Callable[[], None]) -> None:
        super().__init__(config)
        self._stopping, self._tell_started = stopping, started
        self._asked: queue.SimpleQueue[None] = queue.SimpleQueue()
        threading.Thread(target=self._end_in_time, name="end-in-time", daemon=True).start()

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
        self._asked.put(None)  # unlike locks and events this may be done where a signal is handled

    def _end_in_time(self) -> None:
        """A thread in a library can't be told to end, and the interpreter would wait for it."""
        self._asked.get()
        time.sleep(_END_S)
        os._exit(0)


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
    config: ServeConfig = app.state.service.config
    server = _Server(
        uvicorn.Config(
            app,
            http=_protocol(config, app.state.service.metrics),
            ws="none",
            proxy_headers=bool(config.trusted_proxies),
            forwarded_allow_ips=list(config.trusted_proxies),
            log_config=None,
            access_log=False,  # ours has no paths
            lifespan="on",
            timeout_graceful_shutdown=_FINISH_S,
            timeout_keep_alive=30,
            server_header=False,
            backlog=2048,
        ),
        app.state.service.stopping.set,
        lambda: started(socket.getsockname()[1]),
    )
    server.run(sockets=[socket])


def _protocol(config: ServeConfig, metrics: Metrics) -> Any:
    """Makes a `Connection` of all that uvicorn gives to it."""
    limits = config.limits
    register = ConnectionRegister(
        _open_files(limits.connections), limits.connections_of_address, config.trusted_proxies
    )
    return partial(
        Connection, register=register, refused=lambda status: metrics.answered("other", "other", status, 0.0)
    )


def _open_files(connections: int) -> int:
    """The connections that there may be: as many as are wanted, or as the system lets this process have open."""
    try:
        import resource
    except ImportError:  # Windows, which has no such limit
        return connections
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = connections + _OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return connections if soft == resource.RLIM_INFINITY else max(1, min(connections, soft - _OTHER_FILES))


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
