"""What a server says is wrong, it says with a remedy for clients: no option of a command, no word of a library."""

import json

import numpy as np
import pytest
import tifffile

from helpers import model_makers, scan_folders, slide_files
from sentinode.models.bundle_writer import write_bundle
from sentinode.serving.remedies import for_clients
from sentinode.slides.slide import open_slide
from sentinode.slides.tiff.tiff_pictures import SERIES_REMEDY

OURS = ("--", "Python", "sentinode ", "mpp=", "Exception", "Ring")


def problem(answer, status=422):
    assert answer.status_code == status, answer.text
    detail = answer.json()["detail"]
    assert not any(word in detail for word in OURS), detail
    return detail


def slide_of(client, name):
    client.app.state.service.library.forget_listing()
    return next(slide for slide in client.get("/slides").json()["slides"] if slide["name"] == name)


def test_a_slide_without_a_scale_is_refused_at_once(client, slides):
    slide_files.write_tiff(slides / "bare.tif", slide_files.pyramid(slide_files.picture(), 2), resolution=None)
    slide = slide_of(client, "bare")
    assert "bare.tif does not say its µm/px" in problem(client.post("/scans", json={"slide_id": slide["id"]}))
    assert client.get("/scans").json()["scans"] == []


def test_a_slide_that_can_not_be_read_is_refused_at_once_with_the_reason(client, slides):
    (slides / "junk.tif").write_bytes(b"II*\0junk" * 100)
    slide = slide_of(client, "junk")
    assert problem(client.post("/scans", json={"slide_id": slide["id"]})) == slide["problem"]
    assert client.get("/scans").json()["scans"] == []


def test_a_slide_whose_file_is_gone_is_refused_at_once(client, slides):
    slide = slide_of(client, "one")
    (slides / "one.tif").unlink()
    assert "there is no slide" in problem(client.post("/scans", json={"slide_id": slide["id"]}), 404)
    assert client.get("/scans").json()["scans"] == []


def test_several_pictures_in_an_upload(client, tmp_path):
    with tifffile.TiffWriter(tmp_path / "two.tif") as out:
        for seed in range(2):
            pixels = np.random.default_rng(seed).integers(0, 255, (512, 512, 3)).astype(np.uint8)
            out.write(pixels, tile=(256, 256), photometric="rgb")
    answer = client.post("/slides", files={"file": ("two.tif", (tmp_path / "two.tif").read_bytes())})
    assert "save the one that is meant as a file of its own" in problem(answer)


def test_the_remedies_of_the_command_are_replaced(tmp_path):
    slide_files.write_tiff(tmp_path / "bare.tif", slide_files.pyramid(slide_files.picture(), 2), resolution=None)
    with open_slide(tmp_path / "bare.tif") as slide, pytest.raises(ValueError, match="--mpp") as caught:
        slide.mpp  # noqa: B018
    for message in (str(caught.value), SERIES_REMEDY):
        assert not any(word in for_clients(message) for word in OURS)


def test_a_model_that_can_not_scan(start, tmp_path):
    deployed, info = model_makers.make_deployed("plain")
    unscaled = info.model_copy(update={"input": info.input.model_copy(update={"mpp": None})})
    reference = {"embedding": np.zeros((5, info.embedding_size), np.float16)}
    tiles = np.zeros((3, 30, 30, 3), np.uint8)
    served = write_bundle(tmp_path / "unscaled", unscaled, deployed, example_tiles=tiles, reference=reference)
    client = start(bundle=str(served.folder))
    slide = slide_of(client, "one")
    said = problem(client.post("/scans", json={"slide_id": slide["id"]}))
    assert "does not say the µm/px" in said
    assert "ask the server's operator" in said


@pytest.fixture
def reviews(config, start):
    scan_folders.write_scan(config.scans / "case", np.full((4, 5), 0.9, np.float32))
    client = start()
    return client, f"/scans/{client.get('/scans').json()['scans'][0]['id']}/reviews"


@pytest.mark.parametrize(
    ("ring", "said"),
    [
        ([[0, 0], [9, 0], [9, 9], [0, 9]], "begins at [0, 0] and ends at [0, 9]; close it"),
        ([[0, 0], [9, 0], [0, 0]], "3 points"),
    ],
)
def test_a_ring_that_is_open_or_too_short(reviews, ring, said):
    client, path = reviews
    body = {"kind": "lesion", "polygon": {"type": "Polygon", "coordinates": [ring]}}
    assert said in problem(client.post(path, json=body))


@pytest.mark.parametrize("kind", [None, "text/plain", "application/x-www-form-urlencoded"])
def test_json_that_is_not_called_so(reviews, kind):
    client, path = reviews
    ring = [[0, 0], [9, 0], [9, 9], [0, 0]]
    body = json.dumps({"kind": "lesion", "polygon": {"type": "Polygon", "coordinates": [ring]}})
    request = client.build_request("POST", path, content=body, headers={"content-type": kind} if kind else {})
    said = problem(client.send(request))
    assert "if it is JSON, send it with the header Content-Type: application/json" in said
