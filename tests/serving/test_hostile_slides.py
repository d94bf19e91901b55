"""Slides that want to stop the server, against its own process: each is bounded, or ends a worker that is replaced."""

import json
import os
import signal
import time

import numpy as np
import pytest
from PIL import Image

from helpers.server_process import FORM, form
from sentinode.testing.hostile_slides import endless_directories, one_tile_everywhere, repeated_sub_directories


def _upload(besieged, content, name="evil.tif"):
    status, body = besieged.answer("POST", "/slides", form(content, file=name), FORM)
    return status, json.loads(body)


def _tile(besieged, slide_id, level):
    return besieged.status("GET", f"/slides/{slide_id}/deepzoom_files/{level}/0_0.jpeg")


def _listed(besieged):
    return json.loads(besieged.answer("GET", "/slides")[1])["slides"]


def test_a_giant_slide_of_one_tile_delays_nobody(besieged):
    with besieged.attacked():
        status, slide = _upload(besieged, one_tile_everywhere(262_144, 2048))
        assert status == 201
        path = f"/slides/{slide['id']}"
        sockets = [besieged.server.ask("GET", f"{path}/thumbnail?max_side={side}") for side in range(500, 540)]
        start = time.monotonic()
        assert {one["name"] for one in _listed(besieged)} == {"one", "evil"}
        assert time.monotonic() - start < 15
        for socket in sockets:
            socket.close()
        status, body = besieged.answer("GET", f"{path}/tissue.png")
        assert status in (422, 503)
        assert any(word in json.loads(body)["detail"] for word in ("pyramid", "try again", "an overview at 8 µm/px"))
        one = next(each for each in _listed(besieged) if each["name"] == "one")
        besieged.server.wait(lambda: _tile(besieged, one["id"], 9) == 200)
    besieged.end()


def test_every_level_of_a_large_single_one_is_drawn_in_little_memory(besieged):
    with besieged.attacked():
        status, slide = _upload(besieged, one_tile_everywhere(20_000, 1024))
        assert status == 201
        assert [_tile(besieged, slide["id"], level) for level in (15, 12, 4, 0)] == [200] * 4
    besieged.end()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (lambda: repeated_sub_directories(70_000, 256, 50), "never end"),
        (endless_directories, "never end"),
        (lambda: one_tile_everywhere(8000, 8192, held_side=64), "8,192×8,192"),
        (lambda: b"II*\0junk" * 100, "damaged"),
    ],
)
def test_what_is_refused_is_never_in_the_library(besieged, content, said):
    with besieged.attacked():
        status, problem = _upload(besieged, content())
        assert status == 422
        assert said in problem["detail"]
        assert [slide["name"] for slide in _listed(besieged)] == ["one"]


@pytest.mark.parametrize("jpeg_2000", [False, True])
def test_a_tile_that_holds_more_than_its_place_is_a_problem(besieged, jpeg_2000):
    content = one_tile_everywhere(1000, 256, held_side=4000, jpeg_2000=jpeg_2000)
    with besieged.attacked():
        _, slide = _upload(besieged, content)
        status, body = besieged.answer("GET", f"/slides/{slide['id']}/deepzoom_files/10/0_0.jpeg")
        assert (status, "not 256×256" in json.loads(body)["detail"]) == (422, True)


def test_plain_images_as_slides_hold_little(besieged, tmp_path):
    with besieged.attacked():
        for number, side in enumerate((3900, 3900, 3900, 3900, 3900, 3900, 9000)):
            Image.fromarray(np.full((side, side, 3), 200, np.uint8)).save(tmp_path / "a.png", compress_level=1)
            status, slide = _upload(besieged, (tmp_path / "a.png").read_bytes(), f"plain{number}.tif")
            assert status == (413 if side == 9000 else 201), slide
            if status == 201:
                assert _tile(besieged, slide["id"], 12) == 200


def test_a_worker_that_is_killed_is_replaced(besieged):
    one = _listed(besieged)[0]
    besieged.server.wait(lambda: _tile(besieged, one["id"], 9) == 200)
    killed = set()
    with besieged.attacked():
        while (pid := besieged.server.worker("slide_child")) is not None and pid not in killed and len(killed) < 3:
            os.kill(pid, signal.SIGKILL)
            killed.add(pid)
        assert killed
        besieged.server.wait(lambda: _tile(besieged, one["id"], 8) == 200)
        assert besieged.status("GET", f"/slides/{one['id']}/thumbnail") == 200


def test_an_upload_is_deleted_with_its_views_and_its_scans(besieged, slides):
    content = (slides / "one.tif").read_bytes()
    _, slide = _upload(besieged, content, "mine.tif")
    assert _tile(besieged, slide["id"], 9) == 200
    scan = besieged.server.post("/scans", json.dumps({"slide_id": slide["id"]}).encode())
    status, body = besieged.answer("DELETE", f"/slides/{slide['id']}")
    assert status == 200
    assert json.loads(body)["scans_cancelled"] in (0, 1)  # it may have finished
    assert _tile(besieged, slide["id"], 9) == 404
    assert [each["name"] for each in _listed(besieged)] == ["one"]
    assert besieged.server.get(f"/scans/{scan['id']}")["status"] in ("cancelled", "finished")
    left = [path.name for path in besieged.server.scans.iterdir() if path.name.startswith(".mine.")]
    assert left == [], "what the scan would have gone on from"
    status, again = _upload(besieged, content, "mine.tif")
    assert (status, again["scan"]) == (201, None)
    assert again["id"] != slide["id"]
    given = next(each for each in _listed(besieged) if each["name"] == "one")
    status, body = besieged.answer("DELETE", f"/slides/{given['id']}")
    assert (status, "only reads" in json.loads(body)["detail"]) == (409, True)
    assert (slides / "one.tif").exists()
