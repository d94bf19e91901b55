"""POST /explain and the explanation of a slide's tiles."""

import base64
import io

import numpy as np
import pytest
from PIL import Image

from helpers.pictures import encoded, pixels
from sentinode.slides.mpp import Mpp
from sentinode.slides.slide import open_slide
from sentinode.slides.tile_plan import TileSpec, plan_tiles, start_before


@pytest.fixture
def client(shared_client):
    return shared_client


def _picture(data_url):
    head, _, content = data_url.partition(",")
    assert head == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_an_image_is_classified_and_explained(client):
    content = encoded(pixels(4))
    methods = client.get("/explain/methods").json()
    assert [method["default"] for method in methods] == [True] + [False] * (len(methods) - 1)
    found = client.post("/explain", files={"file": ("a.png", content)}).json()
    assert found["method"] == methods[0]["name"]
    assert found["class"] == "tumour"
    assert found["faithfulness"] is None
    alone = client.post("/predict", files={"file": ("a.png", content)}).json()
    assert found["prediction"]["probabilities"] == alone["probabilities"]
    layer = _picture(found["map"])
    assert (layer.mode, layer.size) == ("RGBA", (30, 30))
    alpha = np.asarray(layer)[..., 3]
    assert alpha.max() > alpha.min()
    other = client.post("/explain", files={"file": ("a.png", content)}, data={"method": "occlusion", "class": "normal"})
    assert (other.json()["method"], other.json()["class"]) == ("occlusion", "normal")
    assert other.json()["map"] != found["map"]


def test_faithfulness_is_measured_when_it_is_asked_for(client):
    files = {"file": ("a.png", encoded(pixels(4)))}
    figures = client.post("/explain?faithfulness=true", files=files).json()["faithfulness"]
    assert 0 <= figures["deletion"] <= 1
    assert figures["random_orders_beaten"] <= figures["random_orders"]


@pytest.mark.parametrize("fields", [{"method": "astrology"}, {"class": "benign"}, {"method": "attention-rollout"}])
def test_what_can_not_be_explained(client, fields):
    answer = client.post("/explain", files={"file": ("a.png", encoded(pixels(4)))}, data=fields)
    assert answer.status_code == 422
    assert next(iter(fields.values())) in answer.json()["detail"]


def test_a_tile_of_a_slide_is_that_of_the_scanning_grid(client):
    slide_id = client.get("/slides").json()["slides"][0]["id"]
    found = client.post(f"/slides/{slide_id}/explain", json={"x": 200, "y": 150}).json()
    box = found["tile"]
    plan = plan_tiles(472, 328, Mpp(0.5, 0.5), TileSpec(size_px=30, mpp=0.972))
    assert (box["x"], box["y"]) in set(zip(plan.x0.tolist(), plan.y0.tolist(), strict=True))
    assert (box["width"], box["height"]) == (plan.width, plan.height)
    assert box["x"] <= 200 < box["x"] + box["width"]
    assert box["y"] <= 150 < box["y"] + box["height"]
    with open_slide(client.app.state.service.config.slides / "one.tif") as opened:
        expected = opened.read_at(0.972, box["x"], box["y"], 30, 30)
    np.testing.assert_array_equal(np.asarray(_picture(found["image"])), expected)
    assert _picture(found["map"]).size == (30, 30)
    assert client.post(f"/slides/{slide_id}/explain", json={"x": 472, "y": 0}).status_code == 422
    assert client.post(f"/slides/{slide_id}/explain", json={"x": -1, "y": 0}).status_code == 422


@pytest.mark.parametrize("step", [58.32, 192.0, 379.6875, 96.5, 100.4999])
def test_starts_are_those_of_the_plan(step):
    plan = plan_tiles(5000, 200, Mpp(1, 1), TileSpec(size_px=1, mpp=step))
    starts = sorted(set(plan.x0.tolist()))
    for place in range(starts[-1]):
        assert start_before(place, step) == max(start for start in starts if start <= place)
