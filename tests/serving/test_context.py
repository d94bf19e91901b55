"""A server of a bundle that sees tiles with their context: it scans, and refuses single images."""

import time
from collections.abc import Callable

import numpy as np
import pytest
import torch
from starlette.testclient import TestClient

from helpers.model_makers import make_deployed
from helpers.pictures import encoded, pixels
from sentinode.models.bundle import Bundle
from sentinode.models.bundle_writer import write_bundle
from sentinode.models.deployed_model import DeployedModel
from sentinode.models.networks.architectures import build_network
from sentinode.serving.serve_config import ServeConfig
from sentinode.training.bundle_contents import example_tiles

SIDE = 30


@pytest.fixture(scope="module")
def around(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    plain, info = make_deployed("plain")
    model = info.model.model_copy(update={"context": True})
    torch.manual_seed(1)
    network = build_network(model, 2, tile_size=SIDE)
    about = info.model_copy(
        update={
            "model": model,
            "input": info.input.model_copy(update={"context": True}),
            "embedding_size": network.embedding_size,
        }
    )
    return write_bundle(
        tmp_path_factory.mktemp("bundles") / "around", about,
        DeployedModel(network, plain.preprocessing, head="softmax", temperature=1.3),
        example_tiles=example_tiles(SIDE, context=True),
        reference={"embedding": np.zeros((5, network.embedding_size), np.float16)},
    )  # fmt: skip


def test_it_scans_and_refuses_single_images(
    around: Bundle, start: Callable[..., TestClient], config: ServeConfig
) -> None:
    client = start(bundle=str(around.folder))
    slide_id = client.get("/slides").json()["slides"][0]["id"]
    scan = client.post("/scans", json={"slide_id": slide_id}).json()
    for _ in range(600):
        if (scan := client.get(f"/scans/{scan['id']}").json())["status"] not in ("queued", "running"):
            break
        time.sleep(0.1)
    assert scan["status"] == "finished", scan
    said = "sees each tile with its context, four times as wide, which a single image has not; scan a slide"
    for path, field in (("/predict", "file"), ("/predict/batch", "files"), ("/explain", "file")):
        answer = client.post(path, files={field: ("a.png", encoded(pixels(1)))})
        assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
        assert said in answer.json()["detail"]
    answer = client.post(f"/slides/{slide_id}/explain", json={"x": 100, "y": 100})
    assert answer.status_code == 422
    assert said in answer.json()["detail"]
