"""A server that was started with a slide bundle: it scans slides with it, and has nothing to say of images."""

import time
from collections.abc import Callable
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from helpers.pictures import encoded, pixels
from helpers.slide_models import write_over
from sentinode.core.errors import BundleError
from sentinode.models.bundle import Bundle
from sentinode.models.feature_space import FeatureSpace
from sentinode.models.mil.bag import BagGrid
from sentinode.models.mil.slide_bundle import SlideBundle
from sentinode.scanning.scan_folder import open_scan
from sentinode.serving.serve_config import ServeConfig

SIDE = 30


@pytest.fixture(scope="module")
def judge(bundle: Bundle, tmp_path_factory: pytest.TempPathFactory) -> SlideBundle:
    return write_over(tmp_path_factory.mktemp("slide-bundles") / "judge", bundle)


@pytest.fixture
def judging(judge: SlideBundle, start: Callable[..., TestClient]) -> TestClient:
    return start(bundle=str(judge.folder))


def _scanned(client: TestClient, **settings: object) -> dict:
    slide_id = client.get("/slides").json()["slides"][0]["id"]
    scan = client.post("/scans", json={"slide_id": slide_id, **settings}).json()
    for _ in range(600):
        if (scan := client.get(f"/scans/{scan['id']}").json())["status"] not in ("queued", "running"):
            break
        time.sleep(0.1)
    assert scan["status"] == "finished", scan
    return scan


def test_a_scan_is_judged_by_the_slide_bundle(judging: TestClient, judge: SlideBundle, config: ServeConfig) -> None:
    scan = _scanned(judging)
    model = open_scan(config.scans / "one").record.slide_model
    assert model is not None
    assert model.sha256 == judge.sha256
    short = {"name": "drawn", "score": model.score, "threshold": 0.4, "positive": model.positive}
    assert scan["slide_model"] == short
    assert scan["slide_score"] == model.score
    assert judging.get("/scans").json()["scans"] == [scan]
    assert judging.get("/slides").json()["slides"][0]["scan"] == scan
    answer = judging.get(f"/scans/{scan['id']}/slide-model").json()["slide_model"]
    assert answer == model.model_dump(mode="json")
    assert len(answer["attended"]) == len(answer["candidates"]) == 20
    assert judging.get(f"/scans/{scan['id']}/attention/deepzoom.dzi").status_code == 200
    assert _scanned(judging)["id"] == scan["id"]  # asked for again, it is the same


def test_it_says_what_it_was_started_with_and_refuses_the_rest_with_what_to_do(
    judging: TestClient, judge: SlideBundle, bundle: Bundle
) -> None:
    facts = judging.get("/model").json()
    assert (facts["name"], facts["version"]) == (bundle.info.name, bundle.sha256[:12])
    own = facts["slide_model"]
    assert (own["name"], own["version"], own["method"]) == ("drawn", judge.sha256[:12], "abmil")
    assert own["threshold"]["value"] == 0.4
    assert "<h1>" in own["card_html"]
    assert f'version="{judge.sha256[:12]}"' in judging.get("/metrics").text
    said = "drawn is a slide bundle, which judges whole slides and no images; scan a slide (POST /scans)"
    image = ("a.png", encoded(pixels(1)))
    for path, field in (("/predict", "file"), ("/predict/batch", "files"), ("/explain", "file")):
        for query in ("", "?resize=true"):
            answer = judging.post(path + query, files={field: image})
            assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
            assert said in answer.json()["detail"]
    slide_id = judging.get("/slides").json()["slides"][0]["id"]
    for name, value in (("stride", 60), ("test_time", "d4")):  # its threshold does not hold for such a scan
        answer = judging.post("/scans", json={"slide_id": slide_id, name: value})
        assert answer.status_code == 422
        assert answer.json()["detail"].endswith(f"; leave out {name}")


def test_tiles_are_as_far_apart_as_those_that_it_was_fitted_on(
    bundle: Bundle, start: Callable[..., TestClient], config: ServeConfig, tmp_path: Path
) -> None:
    apart = BagGrid(tile_px=SIDE, mpp=0.972, step_px=15)
    _scanned(start(bundle=str(write_over(tmp_path / "dense", bundle, grid=apart).folder)))
    assert open_scan(config.scans / "one").record.config["stride_px"] == 15


def test_features_of_another_program_can_not_be_served(
    start: Callable[..., TestClient], tmp_path: Path, bundle: Bundle
) -> None:
    folder = write_over(tmp_path / "foreign", bundle, tiles=None, space=FeatureSpace("network", "UNI", 224, "")).folder
    with pytest.raises(BundleError, match="features of UNI, which another program computes"):
        start(bundle=str(folder))
