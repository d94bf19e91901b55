"""A server process whose reviewers send what is hard to work out: it refuses in time, and loses nothing."""

import contextlib
import json
import threading

import numpy as np
import pytest

from helpers import scan_folders
from helpers.besieged import END_S

SQUARE = {"type": "Polygon", "coordinates": [[[100, 100], [300, 100], [300, 300], [100, 300], [100, 100]]]}
_TURNS = np.arange(6) * 4 * np.pi / 5


def _ring(places):
    return {"type": "Polygon", "coordinates": [[*np.asarray(places).tolist(), np.asarray(places)[0].tolist()]]}


def _random(count):
    return _ring(np.random.default_rng(0).random((count, 2)) * 700)


@pytest.fixture
def reviewed(besiege, tmp_path):
    """A server with a finished scan, and the path of its reviews."""
    scan_folders.write_scan(tmp_path / "scans-0" / "case", np.full((4, 5), 0.9, np.float32))
    besieged = besiege()
    scan_id = besieged.server.get("/scans")["scans"][0]["id"]
    return besieged, f"/scans/{scan_id}/reviews"


def _draw(besieged, path, polygon):
    return besieged.answer("POST", path, json.dumps({"kind": "lesion", "polygon": polygon}).encode())


def test_tangled_regions_are_refused_in_time_and_nothing_is_lost(reviewed):
    besieged, path = reviewed
    assert _draw(besieged, path, SQUARE)[0] == 201
    with besieged.attacked():
        for tangle in (_random(500), _random(5000), _random(19_000)):
            status, content = _draw(besieged, path, tangle)
            assert (status, "draw it simpler" in json.loads(content)["detail"]) == (422, True)
        status, content = _draw(besieged, path, _random(200))
        assert status == 201
        places = json.loads(content)["polygon"]["coordinates"]
        assert len(json.dumps(places)) < 500_000
    assert [one["undone"] for one in besieged.server.get(path)["reviews"]] == [False, False]


def test_what_is_drawn_over_itself_is_stored_whole(reviewed):
    besieged, path = reviewed
    star = np.c_[350 + 300 * np.cos(_TURNS), 350 + 300 * np.sin(_TURNS)][:5]
    content = json.loads(_draw(besieged, path, _ring(star))[1])
    assert content["polygon"]["type"] == "Polygon"
    assert len(content["polygon"]["coordinates"]) == 1, "its middle is a hole"


def test_sigterm_ends_it_while_regions_are_worked_on(reviewed):
    besieged, path = reviewed
    body = json.dumps({"kind": "lesion", "polygon": _random(330)}).encode()

    def send():
        with contextlib.suppress(OSError):  # the server has ended
            besieged.answer("POST", path, body)

    senders = [threading.Thread(target=send) for _ in range(12)]
    for sender in senders:
        sender.start()
    besieged.end()
    for sender in senders:
        sender.join(END_S)
    assert not any(sender.is_alive() for sender in senders)
