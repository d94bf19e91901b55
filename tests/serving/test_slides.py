"""Slides: listed, drawn, uploaded; names never become paths."""

import io
import json
import os
import shutil
import time
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from sentinode.serving.serve_config import Limits
from sentinode.serving.slides.deepzoom import Pyramid
from sentinode.slides.slide import open_slide


def _only(client):
    listed = client.get("/slides").json()["slides"]
    assert len(listed) == 1
    return listed[0]


def test_a_slide_is_listed_with_its_facts(shared_client):
    slide = _only(shared_client)
    slide_id = slide.pop("id")
    assert slide == {
        "name": "one", "file": "one.tif", "status": "ready", "problem": None, "width": 472, "height": 328,
        "mpp": {"x": 0.5, "y": 0.5}, "objective": None, "levels": 3, "has_annotations": True, "uploaded": False,
        "scan": None,
    }  # fmt: skip
    assert "one" not in slide_id
    one = shared_client.get(f"/slides/{slide_id}").json()
    assert one["properties"]["reader"] == "tiff"
    assert {key: one[key] for key in slide} == slide


def test_ids_outlive_a_restart(start):
    assert _only(start())["id"] == _only(start())["id"]


def test_the_deepest_level_is_the_slide(client, slides):
    slide = _only(client)
    base = f"/slides/{slide['id']}"
    size = ET.fromstring(client.get(f"{base}/deepzoom.dzi").content)[0]
    assert (size.get("Width"), size.get("Height")) == ("472", "328")
    pyramid = Pyramid(472, 328)
    assert pyramid.last == 9
    with open_slide(slides / "one.tif") as opened:
        for level, tiles in ((9, 4), (8, 1), (7, 1), (0, 1)):
            width, height = pyramid.size(level)
            whole = np.zeros((height, width, 3), np.uint8)
            for row in range(-(-height // 256)):
                for column in range(-(-width // 256)):
                    answer = client.get(f"{base}/deepzoom_files/{level}/{column}_{row}.jpeg")
                    assert answer.headers["content-type"] == "image/jpeg"
                    tile = np.asarray(Image.open(io.BytesIO(answer.content)))
                    whole[row * 256 : row * 256 + tile.shape[0], column * 256 : column * 256 + tile.shape[1]] = tile
                    tiles -= 1
            assert tiles == 0
            expected = opened.thumbnail(mpp=0.5 * pyramid.scale(level))
            assert expected.shape == whole.shape
            assert np.abs(expected.astype(int) - whole).mean() < 8  # JPEG, once more, with halved chroma


@pytest.mark.parametrize("tile", ["9/2_0", "9/0_2", "10/0_0", "8/1_0", "41/0_0", "9/-1_0", "9/x_0", "9/99999999999_0"])
def test_a_tile_that_is_not_there(shared_client, tile):
    assert shared_client.get(f"/slides/{_only(shared_client)['id']}/deepzoom_files/{tile}.jpeg").status_code in (
        404,
        422,
    )


def test_a_tile_is_not_sent_twice_until_its_slide_changes(client, slides):
    path = f"/slides/{_only(client)['id']}/deepzoom_files/9/0_0.jpeg"
    etag = client.get(path).headers["etag"]
    again = client.get(path, headers={"if-none-match": etag})
    assert (again.status_code, again.content) == (304, b"")
    assert again.headers["cache-control"].startswith("private")
    content = (slides / "one.tif").read_bytes()
    (slides / "one.tif").write_bytes(content + b"\0")
    client.app.state.service.library.forget_listing()
    _only(client)
    assert client.get(path, headers={"if-none-match": etag}).status_code == 200


def test_thumbnail_tissue_and_annotations(shared_client):
    base = f"/slides/{_only(shared_client)['id']}"
    thumbnail = Image.open(io.BytesIO(shared_client.get(f"{base}/thumbnail?max_side=100").content))
    assert thumbnail.size == (100, 69)
    tissue = Image.open(io.BytesIO(shared_client.get(f"{base}/tissue.png").content))
    assert tissue.mode == "RGBA"
    features = shared_client.get(f"{base}/annotations").json()["features"]
    assert features[0]["properties"]["classification"]["name"] == "Tumor"
    assert shared_client.get(f"{base}/thumbnail?max_side=99999").status_code == 422


def test_tumour_without_area_is_said_with_the_annotations(client, slides):
    base = f"/slides/{_only(client)['id']}"
    assert client.get(f"{base}/annotations").json()["notes"] == []
    line = {
        "type": "Feature",
        "geometry": {"type": "LineString", "coordinates": [[10, 10], [90, 40]]},
        "properties": {"objectType": "annotation", "classification": {"name": "Tumor"}},
    }
    for old in slides.glob("one.*"):
        if old.suffix in {".xml", ".json", ".geojson"}:
            old.unlink()
    (slides / "one.geojson").write_text(json.dumps({"type": "FeatureCollection", "features": [line]}))
    answer = client.get(f"{base}/annotations").json()
    assert answer["features"] == []
    assert "tumour is drawn as LineString, which has no area" in answer["notes"][0]
    assert str(slides) not in " ".join(answer["notes"])


def test_an_unreadable_slide_is_listed_as_such_without_the_servers_paths(client, slides):
    (slides / "junk.svs").write_bytes(b"junk" * 100)
    listed = {slide["name"]: slide for slide in client.get("/slides").json()["slides"]}
    client.app.state.service.library.forget_listing()
    listed = {slide["name"]: slide for slide in client.get("/slides").json()["slides"]}
    assert listed["one"]["status"] == "ready"
    assert listed["junk"]["status"] == "unreadable"
    assert str(slides) not in listed["junk"]["problem"]
    answer = client.get(f"/slides/{listed['junk']['id']}/deepzoom_files/3/0_0.jpeg")
    assert answer.status_code == 422
    assert str(slides) not in answer.text


@pytest.mark.parametrize(
    "name", ["one", "one.tif", "../slides/one.tif", "%2e%2e%2fone.tif", "..%2f..%2fetc%2fpasswd", "x" * 5000]
)
def test_a_name_or_a_path_is_no_id(shared_client, name):
    for what in ("", "/thumbnail", "/deepzoom.dzi", "/deepzoom_files/0/0_0.jpeg"):
        assert shared_client.get(f"/slides/{name}{what}").status_code == 404


def test_hidden_files_and_others_are_not_shown(start, slides):
    (slides / "._one.tif").write_bytes(b"x")
    (slides / "notes.txt").write_bytes(b"x")
    _only(start())


def test_a_slide_is_uploaded_and_served(client, slides, config):
    content = (slides / "one.tif").read_bytes()
    answer = client.post("/slides", files={"file": ("two.tif", content)})
    assert answer.status_code == 201
    assert answer.json()["name"] == "two"
    assert (config.uploads / "two.tif").read_bytes() == content
    assert client.get(f"/slides/{answer.json()['id']}/thumbnail").status_code == 200
    assert client.post("/slides", files={"file": ("two.tif", content)}).status_code == 409
    assert client.post("/slides", files={"file": ("two.svs", content)}).status_code == 409


@pytest.mark.parametrize(
    ("name", "status"),
    [("../evil.tif", 400), ("a/b.tif", 400), (".hidden.tif", 415), ("evil.sh", 415), ("x" * 250 + ".tif", 400)],
)
def test_an_uploads_name_is_no_path(client, slides, config, name, status):
    content = (slides / "one.tif").read_bytes()
    assert client.post("/slides", files={"file": (name, content)}).status_code == status
    assert [*config.uploads.iterdir(), *config.incoming.iterdir()] == []


def test_a_bad_upload_leaves_nothing(start, config):
    client = start(limits=Limits(slide_bytes=100_000))
    assert client.post("/slides", files={"file": ("a.tif", b"junk" * 100)}).status_code == 422
    assert client.post("/slides", files={"file": ("a.tif", b"x" * 300_000)}).status_code == 413
    assert client.post("/slides", data={"file": "x"}, files={}).status_code in (415, 422)
    kind = {"content-type": "multipart/form-data; boundary=b"}
    cut = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.tif"\r\n\r\nabc'
    assert client.post("/slides", content=cut, headers=kind).status_code == 400
    assert [*config.uploads.iterdir(), *config.incoming.iterdir()] == []
    assert client.get("/slides").json()["slides"][0]["name"] == "one"


def test_what_an_upload_left_long_ago_is_removed_at_the_start_and_nothing_of_it_is_opened(start, config, slides):
    content = (slides / "one.tif").read_bytes()
    for name, age in (("old", 2 * 86_400), ("new", 60)):
        folder = config.incoming / name
        folder.mkdir(parents=True)
        (folder / f"{name}.tif").write_bytes(content)
        for path in (folder / f"{name}.tif", folder):
            os.utime(path, (time.time() - age,) * 2)
    _only(start())
    assert [path.name for path in config.incoming.iterdir()] == ["new"]


def test_unknown_ids_do_not_make_the_server_list_its_folders_each_time(client, monkeypatch):
    _only(client)
    library = client.app.state.service.library
    listed = []
    monkeypatch.setattr(library, "_list", lambda: listed.append(1) or {})
    library._listed = time.monotonic() + 3600
    for _ in range(5):
        assert client.get("/slides/none").status_code == 404
    assert not listed


def test_many_slides_are_served_with_few_open(start, slides):
    for number in range(6):
        shutil.copy(slides / "one.tif", slides / f"copy{number}.tif")
    client = start(limits=Limits(open_slides=2))
    for _ in range(2):
        for slide in client.get("/slides").json()["slides"]:
            assert client.get(f"/slides/{slide['id']}/deepzoom_files/9/0_0.jpeg").status_code == 200


def test_what_a_scan_would_have_gone_on_from_goes_with_its_slide(client, config, slides):
    uploaded = client.post("/slides", files={"file": ("mine.tif", (slides / "one.tif").read_bytes())}).json()
    scan = client.post("/scans", json={"slide_id": uploaded["id"]}).json()
    client.delete(f"/scans/{scan['id']}")
    left = [config.scans / f".mine.{kind}" for kind in ("progress", "lock")]
    for path in (*left, config.scans / ".other.progress"):
        path.write_bytes(b"")
    assert client.delete(f"/slides/{uploaded['id']}").status_code == 200
    assert not any(path.exists() for path in left)
    assert (config.scans / ".other.progress").exists()
