"""Whose a scan is: the slide's only while the slide's file is the one that was scanned."""

import os
import time

import pytest

from helpers import slide_files


def _relist(client):
    client.app.state.service.library.forget_listing()


def _square(low, high):
    ring = [[low, low], [high, low], [high, high], [low, high], [low, low]]
    return {"type": "Polygon", "coordinates": [ring]}


@pytest.fixture
def scanned(client, config):
    """An app, the id and file of its slide, and a finished scan of it."""
    slide_id, path = client.get("/slides").json()["slides"][0]["id"], next(config.slides.glob("*.tif"))
    scan = scan_of(client, slide_id)
    assert scan["status"] == "finished", scan
    return client, slide_id, path, scan


def scan_of(client, slide_id):
    scan = client.post("/scans", json={"slide_id": slide_id}).json()
    for _ in range(1200):
        scan = client.get(f"/scans/{scan['id']}").json()
        if scan["status"] not in ("queued", "running"):
            break
        time.sleep(0.1)
    return scan


def test_a_scan_of_another_file_is_not_the_slides(scanned, config):
    client, slide_id, path, scan = scanned
    assert client.get(f"/slides/{slide_id}").json()["scan"]["id"] == scan["id"]
    drawn = {"kind": "lesion", "polygon": _square(20, 90)}
    assert client.post(f"/scans/{scan['id']}/reviews", json=drawn).status_code == 201

    kept = path.rename(config.state / "kept.tif")
    slide_files.write_tiff(path, [slide_files.picture(300, 260)], compression="jpeg")
    _relist(client)
    facts = client.get(f"/slides/{slide_id}").json()
    assert (facts["width"], facts["height"], facts["scan"]) == (300, 260, None)
    assert client.get("/slides").json()["slides"][0]["scan"] is None
    for answer in (
        client.post(f"/scans/{scan['id']}/reviews", json=drawn),
        client.get(f"/scans/{scan['id']}/reviews.xml"),
        client.get(f"/scans/{scan['id']}/reviews.geojson"),
    ):
        assert answer.status_code == 409
        assert "another file" in answer.json()["detail"]
    assert scan_of(client, slide_id)["id"] != scan["id"]

    kept.replace(path)  # the first one is back, and so is what was found in it
    _relist(client)
    assert client.get(f"/slides/{slide_id}").json()["scan"]["id"] == scan["id"]
    assert client.get(f"/scans/{scan['id']}/reviews.xml").status_code == 200


def test_a_file_of_the_same_size_is_told_by_its_content(scanned, config):
    client, slide_id, path, scan = scanned
    content = bytearray(path.read_bytes())
    os.utime(path)
    _relist(client)
    assert client.get(f"/slides/{slide_id}").json()["scan"]["id"] == scan["id"]  # only touched
    content[-1] ^= 1
    path.write_bytes(content)
    os.utime(config.scans / "one" / "scan.json")  # written anew, as by another rule for lesions
    _relist(client)
    assert client.get(f"/slides/{slide_id}").json()["scan"] is None


def test_a_disk_that_was_away_hides_no_scan_for_ever(scanned, config):
    client, slide_id, _, scan = scanned
    (config.scans / "one").rename(config.scans / "away")
    assert client.get(f"/slides/{slide_id}").json()["scan"] is None
    (config.scans / "away").rename(config.scans / "one")
    assert client.get(f"/slides/{slide_id}").json()["scan"]["id"] == scan["id"]


def test_why_a_scan_failed_names_no_folder_of_the_server(client, config, monkeypatch):
    said = {"failed": f"no space left on the disk while writing {config.scans}/one.partial/tiles.parquet; free some"}
    monkeypatch.setattr(client.app.state.service.jobs, "_begin", lambda *_: iter([said]))
    scan = scan_of(client, client.get("/slides").json()["slides"][0]["id"])
    assert scan["status"] == "failed"
    assert scan["problem"] == "no space left on the disk while writing one.partial/tiles.parquet; free some"


def test_a_view_of_a_file_that_has_changed_since_it_was_listed_is_refused(client, config):
    slide_id, path = client.get("/slides").json()["slides"][0]["id"], next(config.slides.glob("*.tif"))
    os.utime(path, ns=(1, 1))
    answer = client.get(f"/slides/{slide_id}/thumbnail?max_side=77")
    assert answer.status_code == 409
    assert "has changed since it was listed" in answer.json()["detail"]
    _relist(client)
    client.get("/slides")
    assert client.get(f"/slides/{slide_id}/thumbnail?max_side=77").status_code == 200
