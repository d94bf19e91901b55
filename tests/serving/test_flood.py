"""Bytes, connections and tokens in masses: none of them stops a server's process."""

import contextlib
import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from helpers.pictures import encoded, pixels
from helpers.server_process import FORM, form
from sentinode.serving.access.tokens import Users

MIB = 1 << 20
ATTACKER = "127.66.0.{}"
"""On Linux all of 127.0.0.0/8 is the loopback: addresses of their own for those who attack."""


@pytest.fixture
def besieged(besieged_by_all):
    """One server for all attacks, as it would have in life: what one leaves behind, the next would show."""
    return besieged_by_all()


def _open(server, number=1):
    return socket.create_connection(("127.0.0.1", server.port), 120, (ATTACKER.format(number), 0))


def _answer(client):
    """The status of what comes until the connection is closed; None where nothing came."""
    content = b""
    with contextlib.suppress(ConnectionError), client:
        while piece := client.recv(1 << 16):
            content += piece
    return int(content.split()[1]) if content else None


def _poured(client, head, piece, most):
    """Send `head`, then `piece` again and again, until the server closes; how many bytes it took."""
    sent = 0
    with contextlib.suppress(ConnectionError, BrokenPipeError):
        client.sendall(head)
        while sent < most:
            client.sendall(piece)
            sent += len(piece)
    return sent


def _head(path, *fields, method="POST"):
    return "\r\n".join([f"{method} {path} HTTP/1.1", "Host: 127.0.0.1", *fields, "", ""]).encode()


JSON = "Content-Type: application/json"


@pytest.mark.parametrize("framing", ["Content-Length: 629145600", "Transfer-Encoding: chunked"])
def test_a_body_without_end_costs_nothing(besieged, framing):
    piece = b'{"token":[[],[],' + b"[]," * 20_000
    chunk = b"%x\r\n%b\r\n" % (len(piece), piece) if "chunked" in framing else piece
    with besieged.attacked():
        client = _open(besieged.server)
        _poured(client, _head("/session", JSON, framing), chunk, 600 * MIB)
        assert _answer(client) in (413, None)
    assert besieged.peak_mib() < 100


@pytest.mark.parametrize(("path", "most"), [
    ("/session", 4 << 10), ("/scans/x/reviews", 2 * MIB), ("/scans", 16 << 10), ("/slides/x/explain", 16 << 10),
    ("/predict", 17 * MIB), ("/explain", 17 * MIB), ("/predict/batch", 65 * MIB), ("/nothing", 16 << 10),
])  # fmt: skip
def test_each_route_takes_so_many_bytes(besieged, path, most):
    kind = "application/json" if path not in ("/predict", "/explain", "/predict/batch") else FORM
    assert besieged.status("POST", path, b"[" * (most + 1), kind) in (413, 404 if path == "/nothing" else 413)
    assert besieged.status("POST", path, b"[" * (most - 2 * MIB if most > 4 * MIB else most // 2), kind) != 413


def test_deep_and_long_json_is_refused_at_no_cost(besieged):
    nested = b"[" * (1 << 20)
    hostile = [nested, b'{"kind":' + nested, b'{"kind":"lesion","polygon":{"a":' * 30_000, b"9" * MIB, b'"\\ud800"']
    with besieged.attacked():
        for content in hostile:
            assert besieged.status("POST", "/scans/x/reviews", content) in (400, 422)


@pytest.mark.parametrize("field", ["X: ", "Cookie: ", "Authorization: Bearer ", "", "GET"])
def test_a_head_without_end_costs_nothing(besieged, field):
    head = b"GET /" if field == "GET" else _head("/health/live", method="GET")[:-2] + field.encode()
    with besieged.attacked():
        client = _open(besieged.server)
        assert _poured(client, head, b"a" * MIB, 200 * MIB) < 200 * MIB
        assert _answer(client) in (431, None)
    assert besieged.peak_mib() < 60


def test_a_head_that_is_too_long_is_told_so(besieged):
    client = _open(besieged.server)
    client.sendall(_head("/health/live", "X: " + "a" * (33 << 10), method="GET"))
    assert _answer(client) == 431


def test_trailing_fields_are_bounded_and_change_nothing(besieged):
    with besieged.attacked():
        client = _open(besieged.server)
        start = _head("/predict", f"Content-Type: {FORM}", "Transfer-Encoding: chunked") + b"1\r\na\r\n0\r\nX: "
        assert _poured(client, start, b"a" * MIB, 64 * MIB) < 64 * MIB
        client.close()


def test_announced_bodies_that_do_not_come_keep_nobody_out(besieged):
    with besieged.attacked():
        clients = [_open(besieged.server, number) for number in range(8)]
        for client in clients:
            client.sendall(_head("/predict/batch", f"Content-Type: {FORM}", f"Content-Length: {64 * MIB}"))
        for _ in range(5):
            besieged.predict()
        # Half a minute later they are told that they were too slow.
        assert [_answer(client) for client in clients] == [408] * 8


def test_bodies_that_do_come_leave_room_for_an_image(besieged):
    content = bytes(MIB)
    with besieged.attacked():
        clients = [_open(besieged.server, number) for number in range(8)]
        with ThreadPoolExecutor(8) as pool:
            head = _head("/predict/batch", f"Content-Type: {FORM}", f"Content-Length: {64 * MIB}")
            sent = list(pool.map(lambda client: _poured(client, head, content, 60 * MIB), clients))
        assert sum(sent) > 192 * MIB
        for _ in range(5):
            besieged.predict()
        for client in clients:
            client.close()


def test_half_of_a_head_is_closed_in_time(besieged):
    with besieged.attacked():
        clients = [_open(besieged.server, number % 4) for number in range(100)]
        for client in clients[::2]:
            client.sendall(b"POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n")
        besieged.predict()
        assert [_answer(client) for client in clients] == [408, None] * 50


def test_a_body_that_trickles_is_closed_in_time(besieged):
    over = threading.Event()

    def trickle(client):
        with contextlib.suppress(ConnectionError):
            client.sendall(_head("/predict", f"Content-Type: {FORM}", f"Content-Length: {MIB}"))
            while not over.wait(0.5):
                client.sendall(b"a")

    with besieged.attacked():
        client = _open(besieged.server)
        sender = threading.Thread(target=trickle, args=[client])
        sender.start()
        status = _answer(client)
        over.set()
        sender.join()
        assert status in (408, None)


def test_connections_that_are_held_open_keep_nobody_out(besieged):
    with besieged.attacked():
        clients = []
        for number in range(1500):
            clients.append(_open(besieged.server, number % 7))
            if number % 300 == 0:
                besieged.predict()
        besieged.predict()
        own = [socket.create_connection(("127.0.0.1", besieged.server.port)) for _ in range(300)]
        besieged.predict()  # also from an address that holds as many as it may
        for client in [*clients, *own]:
            client.close()


def test_an_answer_that_nobody_reads_ends_with_the_server(besieged):
    clients = [_open(besieged.server) for _ in range(20)]
    for client in clients:
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1024)
        client.sendall(_head("/openapi.json", method="GET") * 40)
    besieged.check()
    besieged.end()
    for client in clients:
        client.close()


def test_half_sent_requests_do_not_outlive_the_server(besieged):
    clients = [_open(besieged.server) for _ in range(10)]
    for client in clients[::2]:
        client.sendall(_head("/slides", f"Content-Type: {FORM}", "Content-Length: 999999") + b"--b\r\n")
    for client in clients[1::2]:
        client.sendall(b"GET / HTT")
    besieged.check()
    besieged.end()
    for client in clients:
        client.close()


def test_thousands_of_requests_ahead_of_their_answers_cost_nothing(besieged):
    with besieged.attacked():
        client = _open(besieged.server)
        _poured(client, b"", _head("/openapi.json", method="GET") * 20_000, MIB)
        client.close()
    assert besieged.peak_mib() < 60


def test_wrong_tokens_slow_nobody_who_is_signed_in(besiege, tmp_path):
    users = Users(tmp_path / "users.json")
    token = users.add("jo", "viewer")
    besieged = besiege("--users", str(users.path), token=token)
    over = threading.Event()
    statuses = []

    def guess(number):
        while not over.is_set():
            client = _open(besieged.server, number)
            client.sendall(_head("/slides", f"Authorization: Bearer jo.{number}-{time.monotonic()}", method="GET"))
            content = client.recv(1 << 16)
            client.close()
            statuses.append(int(content.split()[1]) if content else None)

    with besieged.attacked(), ThreadPoolExecutor(20) as pool:
        asking = [pool.submit(guess, number) for number in range(20)]
        for _ in range(20):
            besieged.predict()
        over.set()
        for one in asking:
            one.result()
    assert 401 in statuses
    assert set(statuses) <= {401, 429, 503}


def test_a_client_that_is_refused_early_still_reads_why(besieged):
    content = form(encoded(pixels(1)) + bytes(40 * MIB))
    assert besieged.status("POST", "/predict", content, FORM) == 413
