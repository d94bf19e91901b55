"""What is done to the server: each attack bounded in time and bytes, and what it is answered."""

import contextlib
import json
import random
import socket
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack

from sentinode.testing.siege.target import FORM, JSON, NO_ANSWER, Target

MIB = 1 << 20
HOLD_S = 8.0
"""Longest time that an attack holds what it has open."""
CLOSED = "closed"
Answers = list[str]
"""Statuses, or `CLOSED` where the server answered nothing."""


def endless_session(target: Target, chance: random.Random) -> Answers:
    """629 MB of a token."""
    length = f"Content-Length: {629 * 10**6}"
    return [_pour(target, chance, ("POST", "/session", f"Content-Type: {JSON}", length), b'{"token":"' + b"a" * MIB)]


def lists_for_a_token(target: Target, chance: random.Random) -> Answers:
    """63 MB of empty lists."""
    piece = b"[]," * (MIB // 3)
    fields = (f"Content-Type: {JSON}", "Transfer-Encoding: chunked")
    return [_pour(target, chance, ("POST", "/session", *fields), b"%x\r\n%b\r\n" % (len(piece), piece))]


def endless_header(target: Target, chance: random.Random) -> Answers:
    """One header of 200 MB."""
    head = target.head("GET", "/health/live")[:-2] + b"X: "
    return [_sent(_attacker(target, chance), head, b"a" * MIB, 200)]


def announced_bodies(target: Target, chance: random.Random) -> Answers:
    """Eight bodies of 64 MiB that do not come."""
    head = target.head("POST", "/predict/batch", f"Content-Type: {FORM}", f"Content-Length: {64 * MIB}")
    return _held(target, chance, [head] * 8)


def large_bodies(target: Target, chance: random.Random) -> Answers:
    """Four bodies that are 60 MiB of what they announce."""
    head = target.head("POST", "/predict/batch", f"Content-Type: {FORM}", f"Content-Length: {64 * MIB}")
    with ExitStack() as held, contextlib.suppress(OSError):
        for _ in range(4):
            client = held.enter_context(_attacker(target, chance))
            client.sendall(head + bytes(60 * MIB))
        time.sleep(chance.uniform(0.2, 1) * HOLD_S)
    return [CLOSED]


def half_heads(target: Target, chance: random.Random) -> Answers:
    """Forty requests that stop in the middle."""
    return _held(target, chance, [target.head("POST", "/predict")[:-2]] * 40)


def idle_connections(target: Target, chance: random.Random) -> Answers:
    """Two hundred and fifty connections that say nothing."""
    return _held(target, chance, [b""] * 250)


def trickle(target: Target, chance: random.Random) -> Answers:
    """A body of one byte at a time."""
    client = _attacker(target, chance)
    with contextlib.suppress(OSError):
        client.sendall(target.head("POST", "/predict", f"Content-Type: {FORM}", f"Content-Length: {MIB}"))
        for _ in range(int(HOLD_S / 0.1)):
            client.sendall(b"a")
            time.sleep(0.1)
    client.close()
    return [CLOSED]


def wrong_tokens(target: Target, chance: random.Random) -> Answers:
    """A hundred guesses at a token, from twenty addresses."""
    guesses = (f"Authorization: Bearer {chance.choice(('jo', 'ann'))}.{chance.random()}" for _ in range(100))
    return [_asked(target, chance, target.head("GET", "/slides", guess, token=False)) for guess in guesses]


def odd_requests(target: Target, chance: random.Random) -> Answers:
    """Names, paths, methods and framings that no client sends."""
    session = target.head("GET", "/session")
    odd = [
        session.replace(f"Host: {target.host}".encode(), b"Host: ["), session.replace(b"GET", b"BREW"),
        session.replace(b"/session", b"/slides/%00%0a/thumbnail"), chance.randbytes(2000), b"\x16\x03\x01" + bytes(600),
        target.head("POST", "/session", "Content-Length: 5", "Transfer-Encoding: chunked") + b"0\r\n\r\n",
        target.head("GET", "/scans/" + "a" * 9000), session.replace(b"/session", b"//evil.example/%2e%2e/"),
    ]  # fmt: skip
    return [_asked(target, chance, request) for request in odd]


def deep_json(target: Target, chance: random.Random) -> Answers:
    """2 MB of brackets, long numbers and halves of characters as a review."""
    bodies = [b"[" * (MIB - 1), b'{"polygon":{"a":' * 20_000, b"9" * MIB, b'{"kind":"lesion","comment":"\\ud800"}']
    return [_posted(target, chance, _reviews(target), body) for body in bodies]


def tangled_reviews(target: Target, chance: random.Random) -> Answers:
    """Outlines of 200 and of 500 random points."""
    found = []
    for count in (200, 500):
        ring = [[chance.randint(0, 300), chance.randint(0, 300)] for _ in range(count)]
        drawn = {"type": "Polygon", "coordinates": [[*ring, ring[0]]]}
        body = json.dumps({"kind": "lesion", "polygon": drawn}).encode()
        found.append(_posted(target, chance, _reviews(target), body))
    return found


def hostile_patches(target: Target, chance: random.Random) -> Answers:
    """Images that would be decoded for minutes, or into gigabytes."""
    from sentinode.testing.hostile_images import png_with_second_header, repeated_scans, tiff_of_directories

    files = [repeated_scans(2048, 2048, 2000), png_with_second_header(96, 96, 9000, 9000), tiff_of_directories(80_001)]
    files.append(chance.randbytes(200_000))
    return [_posted(target, chance, "/predict?resize=true", _form(file, "a.png"), FORM) for file in files]


def hostile_slides(target: Target, chance: random.Random) -> Answers:
    """Slides of some kilobytes that unfold into gigabytes; what is taken in is looked at, and taken out again."""
    from sentinode.testing.hostile_slides import endless_directories, one_tile_everywhere, repeated_sub_directories

    files = [
        one_tile_everywhere(262_144, 256), one_tile_everywhere(20_000, 1024), endless_directories(),
        one_tile_everywhere(512, 256, held_side=8000), repeated_sub_directories(5000, 256, 50),
    ]  # fmt: skip
    return [answer for file in files for answer in _uploaded(target, chance, file)]


def gone_clients(target: Target, chance: random.Random) -> Answers:
    """Fifty clients that ask and go at once."""
    for _ in range(50):
        with contextlib.suppress(OSError), _attacker(target, chance) as client:
            client.sendall(target.head("GET", chance.choice(("/slides", "/openapi.json", "/scans"))))
    return [CLOSED]


def unread_answers(target: Target, chance: random.Random) -> Answers:
    """Twenty clients that ask again and again and read nothing."""
    return _held(target, chance, [target.head("GET", "/openapi.json") * 40] * 20)


def many_listeners(target: Target, chance: random.Random) -> Answers:
    """A hundred and fifty listeners to one scan."""
    scan = _reviews(target).removesuffix("/reviews")
    return _held(target, chance, [target.head("GET", scan, "Accept: text/event-stream")] * 150)


def foreign_pages(target: Target, chance: random.Random) -> Answers:
    """Pages of other origins, asking first and not asking."""
    page = "Origin: https://evil.example"
    asked = target.head("OPTIONS", "/predict", page, "Access-Control-Request-Method: POST", token=False)
    sent = target.head("DELETE", "/session", page)
    return [_asked(target, chance, request) for request in (asked, sent)]


Attack = Callable[[Target, random.Random], Answers]
ATTACKS: tuple[Attack, ...] = (
    endless_session, lists_for_a_token, endless_header, announced_bodies, large_bodies, half_heads, idle_connections,
    trickle, wrong_tokens, odd_requests, deep_json, tangled_reviews, hostile_patches, hostile_slides, gone_clients,
    unread_answers, many_listeners, foreign_pages,
)  # fmt: skip
"""All of them; each is bounded by what it sends, and by `HOLD_S` and the client's timeout."""


def _attacker(target: Target, chance: random.Random) -> socket.socket:
    return target.attacker(chance.randrange(20))


def _pour(target: Target, chance: random.Random, request: tuple[str, ...], piece: bytes, most: int = 600) -> str:
    method, path, *fields = request
    return _sent(_attacker(target, chance), target.head(method, path, *fields), piece, most)


def _sent(client: socket.socket, head: bytes, piece: bytes, most: int) -> str:
    """Send `head`, then `piece` until the server closes, `most` times at most; what it answered."""
    with contextlib.suppress(OSError):
        client.sendall(head)
        for _ in range(most):
            client.sendall(piece)
    return _answer(client)


def _asked(target: Target, chance: random.Random, request: bytes) -> str:
    client = _attacker(target, chance)
    with contextlib.suppress(OSError):
        client.sendall(request)
        client.shutdown(socket.SHUT_WR) if not request.endswith(b"\r\n\r\n") else None
    return _answer(client)


def _answer(client: socket.socket) -> str:
    with contextlib.suppress(OSError), client:
        if content := client.recv(1 << 16):
            return content.split(b" ", 2)[1].decode("latin-1")
    return CLOSED


def _held(target: Target, chance: random.Random, requests: list[bytes]) -> Answers:
    """Send each request over a connection of its own, hold them all, and go."""
    with ExitStack() as held, contextlib.suppress(OSError):
        for request in requests:
            client = held.enter_context(_attacker(target, chance))
            client.setblocking(False)
            with contextlib.suppress(OSError):
                client.send(request)
        time.sleep(chance.uniform(0.2, 1) * HOLD_S)
    return [CLOSED]


def _posted(target: Target, chance: random.Random, path: str, body: bytes, kind: str = JSON) -> str:
    fields = (f"Content-Type: {kind}", f"Content-Length: {len(body)}", "Connection: close")
    client = _attacker(target, chance)
    with contextlib.suppress(OSError):
        client.sendall(target.head("POST", path, *fields) + body)
    return _answer(client)


def _uploaded(target: Target, chance: random.Random, file: bytes) -> Iterator[str]:
    name = f"siege-{chance.getrandbits(40):x}.tif"
    with contextlib.suppress(*NO_ANSWER), contextlib.closing(target.connection()) as connection:
        status, content = target.ask(connection, "POST", "/slides", _form(file, name), FORM)
        yield str(status)
        if status != 201:
            return
        path = f"/slides/{json.loads(content)['id']}"
        for view in ("/thumbnail?max_side=512", "/deepzoom_files/0/0_0.jpeg", "/tissue.png"):
            with contextlib.suppress(*NO_ANSWER), contextlib.closing(target.connection()) as other:
                yield str(target.ask(other, "GET", path + view)[0])
        with contextlib.suppress(*NO_ANSWER), contextlib.closing(target.connection()) as other:
            target.ask(other, "DELETE", path)


def _reviews(target: Target) -> str:
    """The path of a scan's reviews, of one that is there if there is any."""
    with contextlib.suppress(*NO_ANSWER):
        scans = (target.facts("/scans") or {"scans": []})["scans"]
        return f"/scans/{scans[0]['id'] if scans else 'none'}/reviews"
    return "/scans/none/reviews"


def _form(content: bytes, name: str) -> bytes:
    head = f'--b\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n\r\n'.encode()
    return head + content + b"\r\n--b--\r\n"
