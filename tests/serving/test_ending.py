"""SIGTERM: what was asked is finished, or answered with a problem, and nothing stray is logged."""

import json
import os
import signal
import time

import pytest

from helpers import server_process
from helpers.pictures import encoded, pixels


@pytest.fixture
def held(bundle, slides, tmp_path):
    """Starts a server; and the file that holds its views."""
    hold = tmp_path / "hold"
    servers = []

    def start(**options):
        servers.append(server_process.Server(bundle, slides, tmp_path / "scans", hold=hold, **options).ready())
        return servers[-1]

    yield start, hold
    hold.unlink(missing_ok=True)
    for server in servers:
        if server.process.poll() is None:
            server.end(signal.SIGKILL)


def _tile(server):
    slide_id = server.get("/slides")["slides"][0]["id"]
    return server.ask("GET", f"/slides/{slide_id}/deepzoom_files/9/0_0.jpeg")


def _asked_to_end(server):
    """Send SIGTERM; returns when the server takes no more requests."""
    server.process.send_signal(signal.SIGTERM)

    def refuses():
        try:
            server.ask("GET", "/health/live").close()
        except ConnectionRefusedError:
            return True
        return False

    server.wait(refuses)


def test_a_view_that_is_being_drawn_is_finished(held):
    start, hold = held
    server = start()
    hold.touch()
    client = _tile(server)
    server.wait(lambda: server.metric("sentinode_queue_renders") == 1)
    _asked_to_end(server)
    hold.unlink()
    status, content = server_process.answer_of(client)
    assert status == 200
    assert content.startswith(b"\xff\xd8")
    assert server.end() == 0
    assert server.complaints() == []


def test_a_view_that_outlives_its_client_and_its_server(held):
    start, hold = held
    server = start()
    hold.touch()
    client = _tile(server)
    server.wait(lambda: server.metric("sentinode_queue_renders") == 1)
    client.close()
    _asked_to_end(server)
    hold.unlink()
    assert server.end() == 0
    assert server.complaints() == []


def test_a_thread_that_never_ends_does_not_keep_the_server(held):
    start, hold = held
    server = start()
    hold.touch()
    client = _tile(server)
    server.wait(lambda: server.metric("sentinode_queue_renders") == 1)
    assert server.end() == 0
    assert hold.exists()  # so the view is still waiting
    client.close()


@pytest.mark.parametrize("delay_s", [0.0, 0.3, 0.6])
def test_a_server_whose_model_is_being_opened(bundle, slides, tmp_path, delay_s):
    server = server_process.Server(bundle, slides, tmp_path / "scans")
    time.sleep(delay_s)
    assert server.end() == 0
    assert server.complaints() == []


def test_an_explanation_is_finished(held):
    start, _ = held
    server = start()
    client, pid = _explaining(server, encoded(pixels(1)))
    _asked_to_end(server)
    os.kill(pid, signal.SIGCONT)
    status, content = server_process.answer_of(client)
    assert (status, json.loads(content)["class"]) == (200, "tumour")
    assert server.end() == 0
    assert server.complaints() == []


def test_an_explanation_that_takes_too_long_is_answered_with_a_problem(held):
    start, _ = held
    server = start(finish_s=0.5)
    client, _ = _explaining(server, encoded(pixels(1)))
    _asked_to_end(server)
    status, content = server_process.answer_of(client)
    assert status == 503
    assert "the server is ending" in json.loads(content)["detail"]
    assert server.end() == 0
    assert server.complaints() == []


def _explaining(server, content):
    """An explanation that has begun, in a process that is held; and that process."""
    server.wait(lambda: server.get("/explain/methods"))
    pid = server.worker("explanation_child")
    os.kill(pid, signal.SIGSTOP)
    client = server.ask("POST", "/explain", server_process.form(content))
    server.wait(lambda: server.metric("sentinode_queue_explanations") == 1)
    return client, pid
