"""What nobody foresaw: a problem with a request id for the client, and the reason in the log, without names."""

import asyncio
import errno
import json
import logging
import resource
import socket
import sqlite3

import numpy as np
import pytest

from helpers import scan_folders, slide_files
from helpers.pictures import encoded, pixels
from helpers.server_process import FORM, form
from sentinode.core.errors import DataError
from sentinode.serving.routes import slide_routes
from sentinode.store import database

NAME = "patient-miller.svs"


def _raising(error):
    def work(*_arguments):
        raise error

    return work


@pytest.mark.parametrize(("error", "status"), [
    (RuntimeError(NAME), 500),
    (OSError(errno.ENOSPC, "No space left on device", NAME), 507),
    (OSError(errno.EDQUOT, "Disk quota exceeded", NAME), 507),
    (MemoryError(NAME), 503),
    (PermissionError(errno.EACCES, "Permission denied", NAME), 500),
])  # fmt: skip
def test_an_unforeseen_error(client, monkeypatch, caplog, error, status):
    monkeypatch.setattr(slide_routes, "_listed", _raising(error))
    with caplog.at_level(logging.ERROR, "sentinode.serving"):
        answer = client.get("/slides")
    problem = answer.json()
    assert answer.status_code == problem["status"] == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.headers["x-request-id"] == problem["request_id"]
    assert ("retry-after" in answer.headers) == (status == 503)
    line = next(line for line in caplog.messages if problem["request_id"] in line)
    assert type(error).__name__ in line
    assert "test_failures.py:" in line
    assert not isinstance(error, OSError) or errno.errorcode[error.errno] in line
    assert NAME not in answer.text + caplog.text


def test_no_message_has_the_servers_folders(client, config, monkeypatch):
    message = f"{config.state / 'uploads' / 'a.svs'} and {config.scans} can't be read"
    monkeypatch.setattr(slide_routes, "_listed", _raising(DataError(message)))
    assert client.get("/slides").json()["detail"] == "uploads/a.svs and the server's folder can't be read"


def test_a_full_database_is_a_full_disk(client):
    store = client.app.state.service.store
    with store.engine.connect() as connection:  # the pool gives each thread a connection of its own
        pages = connection.exec_driver_sql("PRAGMA page_count").scalar()
    database.event.listen(
        store.engine, "checkout", lambda connection, *_: connection.execute(f"PRAGMA max_page_count={pages}").close()
    )
    statuses = {client.post("/predict", files={"file": ("a.png", encoded(pixels(n)))}).status_code for n in range(60)}
    assert statuses == {200, 507}


def test_a_database_that_another_program_holds_is_busy(besieged):
    file = _database(besieged)
    other = sqlite3.connect(file, isolation_level=None)
    other.execute("BEGIN EXCLUSIVE")
    status, content = besieged.answer("POST", "/predict", form(encoded(pixels(2))), FORM)
    assert (status, json.loads(content)["status"]) == (503, 503)
    other.execute("ROLLBACK")
    other.close()
    besieged.check()
    assert [line for line in besieged.server.errors if "SQLITE_BUSY" in line]


def test_a_database_that_is_taken_away_is_no_place_to_write_to(besieged):
    file = _database(besieged)
    for part in file.parent.glob(f"{file.name}*"):
        part.unlink()
    status, content = besieged.answer("POST", "/predict", form(encoded(pixels(2))), FORM)
    assert status == 503, content
    assert str(file) not in content.decode()
    besieged.alive()


def _database(besieged):
    return next(besieged.server.scans.glob(".server/*.sqlite"))


def test_a_full_disk_refuses_a_slide_and_nothing_stays(besieged):
    resource.prlimit(besieged.server.process.pid, resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))
    status, content = besieged.answer("POST", "/slides", form(bytes(4 << 20), file="two.tif"), FORM)
    assert status == 507, content
    assert str(besieged.server.scans) not in content.decode()
    assert list((besieged.server.scans / ".server" / "uploads").iterdir()) == []
    besieged.check()


def test_files_are_the_servers_own(besieged):
    files = [path for path in besieged.server.scans.rglob("*") if path.name != "lock"]
    assert files
    assert [path for path in files if path.stat().st_mode & 0o077] == []


def test_odd_hosts_ids_and_names_and_what_monitors_ask(besieged):
    for host in ("[", "a:b", "[::1", "a:99999999"):
        client = socket.create_connection(("127.0.0.1", besieged.server.port), 60)
        client.sendall(f"GET /health/live HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n".encode())
        with client:
            assert client.recv(1 << 16).split()[1] == b"400", host
    for path in ("/", "/health/live", "/health/ready"):
        assert besieged.answer("HEAD", path) == (200, b"")
    for path in ("/slides/%00", "/scans/%0a", "/slides/a%00/thumbnail"):
        assert besieged.status("GET", path) == 404
    assert besieged.status("POST", "/scans", b'{"slide_id": "a\\u0000"}') == 422
    review = b'{"kind": "verdict", "lesion_id": "\\n", "comment": "x"}'
    assert besieged.status("POST", "/scans/x/reviews", review) == 422
    for name in ("a\x85.tif", "a\u202efit.tif", "a\u2028.tif", "a\x1b[2J.tif", "\ufeffa.tif"):
        assert besieged.status("POST", "/slides", form(b"x", file=name), FORM) == 400, name


def test_no_redirect_goes_to_the_host_that_was_asked_for(start):
    client = start(hosts=None)
    for path in ("/slides/", "/health/live/", "/session/"):
        answer = client.get(path, headers={"host": "evil.example"}, follow_redirects=False)
        assert answer.status_code == 404
        assert "location" not in answer.headers


@pytest.mark.parametrize("mpp", ["1e-300", "1e300", "nan", "-1"])
def test_a_pixel_size_that_no_microscope_has(start, slides, mpp):
    import tifffile

    picture = slide_files.picture()
    about = f"Aperio Image Library v12\r\n{picture.shape[1]}x{picture.shape[0]} (256x256) JPEG|MPP = {mpp}"
    tifffile.imwrite(slides / "two.svs", picture, tile=(256, 256), description=about, photometric="rgb")
    client = start()
    found = next(slide for slide in client.get("/slides").json()["slides"] if slide["name"] == "two")
    assert found["mpp"] is None
    assert client.get(f"/slides/{found['id']}").status_code == 200
    assert client.get(f"/slides/{found['id']}/thumbnail").status_code == 200
    assert client.post(f"/slides/{found['id']}/explain", json={"x": 1, "y": 1}).status_code == 422


def test_listeners_are_counted_exactly(start, config):
    """They come all at once; each answer is looked at before any of them ends."""
    limits = config.limits.model_copy(update={"streams": 3})
    scan_folders.write_scan(config.scans / "case", np.full((4, 5), 0.9, np.float32))
    client = start(limits=limits)
    service = client.app.state.service
    scan = client.get("/scans").json()["scans"][0]["id"]
    seen, sent = [], asyncio.Event()

    async def listen():
        async def send(message):
            if message["type"] == "http.response.start":
                seen.append(message["status"])
            if len(seen) == 10:
                sent.set()
            await sent.wait()

        async def receive():
            await sent.wait()
            return {"type": "http.disconnect"}

        scope = {
            "type": "http", "method": "GET", "path": f"/scans/{scan}", "raw_path": b"", "query_string": b"",
            "headers": [(b"accept", b"text/event-stream")], "http_version": "1.1", "scheme": "http", "root_path": "",
        }  # fmt: skip
        await client.app(scope, receive, send)

    async def all_at_once():
        await asyncio.gather(*(listen() for _ in range(10)))

    client.portal.call(all_at_once)
    assert sorted(seen) == [200] * 3 + [503] * 7
    assert service.streams == 0
