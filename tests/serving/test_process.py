"""The server as a process: its start, its end, and an end that it did not see coming."""

import json
import signal
import sqlite3
import subprocess
import sys
import urllib.request
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException

import numpy as np
import pytest

from helpers import server_process, slide_files
from helpers.pictures import encoded, pixels


@pytest.fixture
def large(tmp_path):
    """A folder with a slide of some 3,000 tiles."""
    folder = tmp_path / "large"
    folder.mkdir()
    slide_files.write_tiff(
        folder / "one.tif", slide_files.pyramid(slide_files.picture(3800, 2900), 3), compression="jpeg"
    )
    return folder


def test_sigterm_ends_it_cleanly_with_a_stream_open_and_the_scan_goes_on(bundle, large, tmp_path):
    scans = tmp_path / "scans"
    server = server_process.Server(bundle, large, scans, light=True).ready()
    slide_id = server.get("/slides")["slides"][0]["id"]
    scan = server.post("/scans", json.dumps({"slide_id": slide_id, "stride": 20}).encode())
    request = urllib.request.Request(f"{server.address}/scans/{scan['id']}", headers={"Accept": "text/event-stream"})
    stream = urllib.request.urlopen(request, timeout=server_process.PATIENCE_S)
    assert b"progress" in stream.readline()
    server.wait(lambda: server.get(f"/scans/{scan['id']}")["status"] == "running")
    assert server.end() == 0
    stream.read()  # ends, too
    stream.close()
    assert server.complaints() == []
    again = server_process.Server(bundle, large, scans, light=True).ready()
    assert again.wait(lambda: again.get(f"/scans/{scan['id']}")["status"] == "finished")
    assert again.end() == 0


def test_sigkill_during_a_scan_with_predictions_in_flight_loses_nothing(bundle, large, tmp_path):
    scans = tmp_path / "scans"
    server = server_process.Server(bundle, large, scans, light=True).ready()
    slide_id = server.get("/slides")["slides"][0]["id"]
    scan = server.post("/scans", json.dumps({"slide_id": slide_id, "stride": 15}).encode())
    path = f"/scans/{scan['id']}"
    images = [encoded(pixels(seed)) for seed in range(50)]
    answered = []

    def ask(content):
        while True:
            try:
                answered.append(server.predict(content)["request_id"])
            except (OSError, HTTPException, ValueError):  # the server is gone, or its answer was cut off
                return

    with ThreadPoolExecutor(50) as pool:
        asking = [pool.submit(ask, content) for content in images]
        server.wait(lambda: (server.get(path)["progress"] or {}).get("done", 0) > 0 and len(answered) > 100)
        server.end(signal.SIGKILL)
        for one in asking:
            one.result()
    assert server.process.returncode == -signal.SIGKILL
    with sqlite3.connect(scans / ".server" / "sentinode.sqlite") as database:
        logged = {row[0] for row in database.execute("SELECT request_id FROM predictions")}
    database.close()
    assert len(answered) > 100
    assert set(answered) <= logged
    again = server_process.Server(bundle, large, scans, light=True).ready()
    assert again.wait(lambda: again.get(path)["status"] in ("finished", "failed"))
    assert again.get(path)["status"] == "finished"
    assert again.end() == 0
    assert np.isfinite(again_score(scans))


def again_score(scans):
    return json.loads((scans / "one" / "scan.json").read_text())["slide_score"]


def test_a_scan_and_predictions_go_on_beside_each_other(bundle, large, tmp_path):
    server = server_process.Server(bundle, large, tmp_path / "scans", light=True).ready()
    slide_id = server.get("/slides")["slides"][0]["id"]
    path = f"/scans/{server.post('/scans', json.dumps({'slide_id': slide_id, 'stride': 15}).encode())['id']}"
    first = server.wait(lambda: (server.get(path)["progress"] or {}).get("done", 0))
    content, answered, seen = encoded(pixels(1)), 0, {first}
    while len(seen) < 4 and server.get(path)["status"] == "running":
        assert server.predict(content)["prediction"] in ("normal", "tumour")
        answered += 1
        seen.add((server.get(path)["progress"] or {}).get("done", first))
    assert answered > 0
    assert max(seen) > first  # the scan went on while predictions were answered
    assert server.end() == 0
    assert server.complaints() == []


def test_another_address_without_a_lock_is_refused(bundle):
    done = subprocess.run(
        [sys.executable, "-m", "sentinode.cli.main", "serve", str(bundle.folder), "--host", "0.0.0.0"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "--insecure" in done.stderr
    assert len(done.stderr.splitlines()) == 1


def test_a_port_that_is_taken_is_one_line(bundle, slides, tmp_path):
    server = server_process.Server(bundle, slides, tmp_path / "scans")
    port = server.address.rpartition(":")[2]
    done = subprocess.run(
        [sys.executable, "-m", "sentinode.cli.main", "serve", str(bundle.folder), "--port", port, "--data",
         str(tmp_path / "other")],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    assert "choose another --host or --port" in done.stderr
    assert server.end() == 0


def _serve(bundle, *words):
    """A server that is refused."""
    done = subprocess.run(
        [sys.executable, "-m", "sentinode.cli.main", "serve", str(bundle.folder), "--port", "0", *map(str, words)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 2
    return done.stderr


def test_a_second_server_on_the_same_folder_is_refused_and_one_after_a_kill_is_not(bundle, slides, tmp_path):
    scans = tmp_path / "scans"
    first = server_process.Server(bundle, slides, scans)
    said = _serve(bundle, "--scans", scans)
    assert f"another server uses {scans / '.server'}; stop it, or give this one another --data" in said
    assert first.get("/health/live")["status"] == "alive"
    first.end(signal.SIGKILL)
    again = server_process.Server(bundle, slides, scans).ready()
    assert again.end() == 0


def test_a_new_database_is_said_and_a_mistyped_folder_of_one_is_refused(bundle, slides, tmp_path):
    file = tmp_path / "kept.sqlite"
    words = ("--database", f"sqlite:///{file}")
    assert "is not there" in _serve(bundle, "--data", tmp_path / "a", "--database", f"sqlite:///{tmp_path}/typo/a.db")
    assert not (tmp_path / "typo").exists()
    for said in ([f"{file} is a new database: there was none\n"], []):
        server = server_process.Server(bundle, slides, tmp_path / "scans", *words).ready()
        assert server.end() == 0
        assert server.more_output == said
