"""Clients that go before they are answered: what was not begun for them is dropped, and that is no error."""

import fcntl
import json
import os
import signal
import struct
import termios
from pathlib import Path

import pytest

from helpers import server_process
from helpers.pictures import encoded, pixels

CLIENTS = 6


@pytest.fixture
def held(bundle, slides, tmp_path):
    """A server, and the file that holds its model and its views."""
    hold = tmp_path / "hold"
    server = server_process.Server(bundle, slides, tmp_path / "scans", hold=hold).ready()
    yield server, hold
    hold.unlink(missing_ok=True)
    if server.process.poll() is None:
        assert server.end() == 0
    assert server.complaints() == []


def _gone(server, clients):
    """Close the sockets; returns when the server has seen it."""
    for client in clients:
        client.close()
    seen = 'sentinode_requests_total{method="%s",path="%s",status="499"}'
    return lambda method, path: server.wait(lambda: server.metric(seen % (method, path)) == len(clients))


def _stop(server, pid):
    """Stop a process; a thread that is not yet stopped would still read a job."""
    os.kill(pid, signal.SIGSTOP)
    tasks = Path(f"/proc/{pid}/task")
    server.wait(lambda: all(task.read_text().rpartition(") ")[2][0] == "T" for task in tasks.glob("*/stat")))


def _given(pid):
    """Bytes of a job that a process was given and has not read: the job is begun."""
    pipe = os.open(f"/proc/{pid}/fd/0", os.O_RDONLY | os.O_NONBLOCK)
    try:
        return struct.unpack("i", fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)))[0]
    finally:
        os.close(pipe)


def test_predictions_that_were_not_begun_are_dropped(held):
    server, hold = held
    body = server_process.form(encoded(pixels(1)))
    hold.touch()
    clients = []
    while server.metric("sentinode_queue_images") < CLIENTS:
        clients.append(server.ask("POST", "/predict", body))
    _gone(server, clients)("POST", "/predict")
    hold.unlink()
    server.wait(lambda: server.metric("sentinode_queue_images") == 0)
    assert server.predict(encoded(pixels(2)))["prediction"] in ("normal", "tumour")
    assert server.metric("sentinode_predictions_total") <= len(clients) - CLIENTS + 1


def test_tiles_that_were_not_begun_are_dropped(held):
    server, hold = held
    slide_id = server.get("/slides")["slides"][0]["id"]
    hold.touch()
    path = "/slides/{slide_id}/deepzoom_files/{level}/{column}_{row}.jpeg"
    levels = range(CLIENTS)
    clients = [server.ask("GET", f"/slides/{slide_id}/deepzoom_files/{level}/0_0.jpeg") for level in levels]
    server.wait(lambda: server.metric("sentinode_queue_renders") == CLIENTS)
    _gone(server, clients)("GET", path)
    server.wait(lambda: server.metric("sentinode_queue_renders") == 2)  # those that two threads have begun
    hold.unlink()
    server.wait(lambda: server.metric("sentinode_queue_renders") == 0)


def test_explanations_that_were_not_begun_are_dropped(held):
    server, _ = held
    server.wait(lambda: server.get("/explain/methods"))
    pid = server.worker("explanation_child")
    _stop(server, pid)
    body = server_process.form(encoded(pixels(1)))
    clients = [server.ask("POST", "/explain", body) for _ in range(CLIENTS)]
    server.wait(lambda: server.metric("sentinode_queue_explanations") == CLIENTS and _given(pid))
    _gone(server, clients)("POST", "/explain")
    server.wait(lambda: server.metric("sentinode_queue_explanations") == 1)  # the one that was begun
    os.kill(pid, signal.SIGCONT)
    server.wait(lambda: server.metric("sentinode_queue_explanations") == 0)
    assert json.loads(server_process.answer_of(server.ask("POST", "/explain", body))[1])["class"] == "tumour"


def test_the_process_that_explains_is_started_again(held):
    server, _ = held
    server.wait(lambda: server.get("/explain/methods"))
    pid = server.worker("explanation_child")
    _stop(server, pid)
    body = server_process.form(encoded(pixels(1)))
    client = server.ask("POST", "/explain", body)
    server.wait(lambda: _given(pid))  # killed before, it would be started again for this very request
    os.kill(pid, signal.SIGKILL)
    status, content = server_process.answer_of(client)
    assert (status, json.loads(content)["status"]) == (503, 503)
    assert server_process.answer_of(server.ask("POST", "/explain", body))[0] == 200
    assert server.worker("explanation_child") != pid
    assert [line for line in server.complaints() if "ended unexpectedly" in line]
    server.errors.clear()
