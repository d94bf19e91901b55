"""Clients who want nothing but answers: what each waits, and what it is told."""

import io
import json
import math
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from http.client import HTTPConnection

from sentinode.testing.siege.target import FORM, JSON, NO_ANSWER, Target

_PAUSE_S = 0.1
_CLIENTS = 3
_PATCHES = 8
_TILE_PX = 256

Request = tuple[str, str, bytes | None, str]
"""Method, path, body, type."""


@dataclass
class Seen:
    """What honest clients saw of one kind of request."""

    seconds: list[float] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """A status of 500 and more, or why there was no answer."""


class HonestClients:
    """A few of them, each asking one thing after another with short pauses."""

    def __init__(self, target: Target) -> None:
        """Look at what the server has: its model, a slide, a finished scan.

        Raises:
            ValueError: It has no model or no slide to look at.
        """
        self._target = target
        self._kinds = _requests_of(target)

    @property
    def kinds(self) -> list[str]:
        """Names of the kinds of requests."""
        return list(self._kinds)

    def ask_for(self, seconds: float) -> dict[str, Seen]:
        """Ask for so long; what was seen, by kind."""
        found: defaultdict[str, Seen] = defaultdict(Seen)
        end = time.monotonic() + seconds
        clients = [threading.Thread(target=self._client, args=(number, end, found)) for number in range(_CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        return dict(found)

    def _client(self, number: int, end: float, found: dict[str, Seen]) -> None:
        chance = random.Random(number)
        connection = self._target.connection()
        while time.monotonic() < end:
            for kind, make in self._kinds.items():
                connection = self._ask(connection, make(chance), found[kind])
                time.sleep(chance.uniform(0.5, 1.5) * _PAUSE_S)
        connection.close()

    def _ask(self, connection: HTTPConnection, request: Request, seen: Seen) -> HTTPConnection:
        method, path, body, kind = request
        start = time.perf_counter()
        try:
            status, _ = self._target.ask(connection, method, path, body, kind)
        except NO_ANSWER as error:
            seen.faults.append(type(error).__name__)
            connection.close()
            connection = self._target.connection()
        else:
            if status >= 500:
                seen.faults.append(str(status))
        seen.seconds.append(time.perf_counter() - start)
        return connection


def _requests_of(target: Target) -> dict[str, Callable[[random.Random], Request]]:
    model, listed = target.facts("/model"), target.facts("/slides")
    slides = [slide for slide in (listed or {"slides": []})["slides"] if slide["status"] == "ready"]
    if model is None or not slides:
        raise ValueError("the server has no slide that can be looked at; start it with --slides, or give a --token")
    width, height = slides[0]["width"], slides[0]["height"]
    slide, level = f"/slides/{slides[0]['id']}", math.ceil(math.log2(max(width, height)))

    def tile(chance: random.Random) -> Request:
        column, row = chance.randrange(-(-width // _TILE_PX)), chance.randrange(-(-height // _TILE_PX))
        return "GET", f"{slide}/deepzoom_files/{level}/{column}_{row}.jpeg", None, JSON

    patches = [_form(_patch(model["tile_size"], seed)) for seed in range(_PATCHES)]
    kinds: dict[str, Callable[[random.Random], Request]] = {
        "POST /predict": lambda chance: ("POST", "/predict", chance.choice(patches), FORM),
        "GET /slides": lambda _chance: ("GET", "/slides", None, JSON),
        "GET thumbnail": lambda chance: ("GET", f"{slide}/thumbnail?max_side={chance.randint(64, 512)}", None, JSON),
        "GET tile": tile,
        "GET /session": lambda _chance: ("GET", "/session", None, JSON),
    }
    scans = [scan for scan in (target.facts("/scans") or {"scans": []})["scans"] if scan["status"] == "finished"]
    if scans:
        path = f"/scans/{scans[0]['id']}/reviews"
        kinds["POST review"] = lambda chance: ("POST", path, _review(chance), JSON)
    return kinds


def _review(chance: random.Random) -> bytes:
    x, y = chance.randint(0, 100), chance.randint(0, 100)
    ring = [[x, y], [x + 50, y], [x + 50, y + 40], [x, y]]
    drawn = {"type": "Polygon", "coordinates": [ring]}
    return json.dumps({"kind": "lesion", "polygon": drawn, "comment": "siege"}).encode()


def _form(content: bytes) -> bytes:
    head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.png"\r\n\r\n'
    return head + content + b"\r\n--b--\r\n"


def _patch(side: int, seed: int) -> bytes:
    from PIL import Image

    pixels = random.Random(seed).randbytes(side * side * 3)
    out = io.BytesIO()
    Image.frombytes("RGB", (side, side), pixels).save(out, "PNG")
    return out.getvalue()
