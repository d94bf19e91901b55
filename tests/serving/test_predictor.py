"""POST /predict and /predict/batch, and the fields that clients rely on."""

import hashlib
import logging
import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sqlalchemy import select
from starlette.testclient import TestClient

from helpers.pictures import encoded, pixels
from sentinode.models.engines.engine_factory import open_engine
from sentinode.serving.serve_config import Limits
from sentinode.store.tables import PredictionRow


@pytest.fixture
def client(shared_client):
    return shared_client


@pytest.fixture(scope="module")
def guarded(start_for_all):
    """An app that answers only to its own name."""
    return start_for_all(hosts=frozenset({"testserver"}))


def test_health_and_predict_answer_with_the_fields_that_clients_rely_on(client, bundle):
    assert client.get("/").json() == {"status": "healthy", "model_loaded": True}
    image = pixels(1)
    answer = client.post("/predict", files={"file": ("a.png", encoded(image), "image/png")})
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    fields = answer.json()
    expected = open_engine(bundle, "openvino").predict(image[None]).probabilities[0]
    assert list(fields["probabilities"]) == ["normal", "tumour"]
    assert list(fields["probabilities"].values()) == [float(value) for value in expected]
    assert fields["prediction"] == ("tumour" if expected[1] >= 0.4 else "normal")
    assert fields["confidence"] == fields["probabilities"][fields["prediction"]]
    assert fields["threshold"] == 0.4
    assert fields["low_confidence"] is bool(0.3 <= expected[1] <= 0.45)
    assert fields["model"]["name"] == "plain"
    assert fields["request_id"] == answer.headers["x-request-id"]


def test_a_browser_gets_a_page(client):
    answer = client.get("/", headers={"accept": "text/html,*/*;q=0.8"})
    assert answer.headers["content-type"].startswith("text/html")
    assert "<html" in answer.text


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "TIFF", "BMP", "WEBP"])
def test_every_format_is_taken(client, kind):
    answer = client.post("/predict", files={"file": ("a", encoded(pixels(3), kind))})
    assert answer.status_code == 200


def test_requests_that_arrive_together_are_batched_and_answered_exactly_as_alone(start, bundle):
    images = [pixels(seed) for seed in range(60)]
    alone = np.concatenate([open_engine(bundle, "openvino").predict(image[None]).probabilities for image in images])
    # A long wait: what is known to come is waited for, and the wait ends when all is there.
    client = start(limits=Limits(batch_wait_s=0.2))
    with ThreadPoolExecutor(20) as pool:
        answers = list(
            pool.map(lambda image: client.post("/predict", files={"file": ("a.png", encoded(image))}).json(), images)
        )
    found = np.array([list(answer["probabilities"].values()) for answer in answers], np.float32)
    np.testing.assert_array_equal(found, alone)
    batches = float(
        next(line for line in _metrics(client) if line.startswith("sentinode_batch_images_count")).split()[1]
    )
    assert batches < 60


def test_a_batch_answers_in_order_with_a_problem_for_each_bad_file(client):
    good = [encoded(pixels(seed)) for seed in range(5)]
    contents = [*good[:2], b"no image", *good[2:], encoded(pixels(0, 31, 31))]
    files = [("files", (f"{number}.png", content)) for number, content in enumerate(contents)]
    entries = client.post("/predict/batch", files=files).json()["predictions"]
    assert [entry["file"] for entry in entries] == [f"{number}.png" for number in range(7)]
    assert [entry.get("problem", {}).get("status") for entry in entries] == [None, None, 415, None, None, None, 422]
    alone = [client.post("/predict", files={"file": ("a.png", content)}).json() for content in good]
    assert [entry["probabilities"] for entry in entries if "problem" not in entry] == [
        a["probabilities"] for a in alone
    ]


def test_another_size_is_refused_unless_asked_for(client):
    content = encoded(pixels(1, 60, 60))
    refused = client.post("/predict", files={"file": ("a.png", content)})
    assert refused.status_code == 422
    assert "60×60 px, the model takes 30×30" in refused.json()["detail"]
    assert "?resize=true" in refused.json()["detail"]
    assert client.post("/predict?resize=true", files={"file": ("a.png", content)}).status_code == 200
    assert client.post("/predict?resize=true", files={"file": ("a.png", encoded(pixels(1, 60, 31)))}).status_code == 422


@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"files": {"file": ("a.png", b"no image")}},
        {"files": {"image": ("a.png", b"")}},
        {"files": {"file": ("../a.png", b"")}},
        {"files": [("file", ("a.png", b"")), ("file", ("b.png", b""))]},
        {"data": {"file": "text"}},
        {"content": b"{}", "headers": {"content-type": "application/json"}},
        {"content": b"--b", "headers": {"content-type": "multipart/form-data; boundary=b"}},
        {"content": b"", "headers": {"content-length": "99999999999"}},
        {"headers": {"host": "elsewhere"}},
        {"headers": {"origin": "http://elsewhere"}},
    ],
)
def test_the_short_way_to_predict_answers_as_the_long_way_does(guarded, changes):
    client = guarded
    # With a query the request goes through FastAPI's routing.
    short, long = client.post("/predict", **changes), client.post("/predict?resize=false", **changes)
    assert short.status_code >= 400
    assert short.status_code == long.status_code
    assert {**short.json(), "request_id": ""} == {**long.json(), "request_id": ""}
    differing = {"x-request-id", "content-length"}
    assert {k: v for k, v in short.headers.items() if k not in differing} == {
        k: v for k, v in long.headers.items() if k not in differing
    }


def test_problems_are_problem_json(client):
    for answer in (client.post("/predict"), client.get("/nothing"), client.delete("/predict")):
        fields = answer.json()
        assert answer.headers["content-type"] == "application/problem+json"
        assert set(fields) == {"type", "title", "status", "detail", "request_id"}
        assert fields["status"] == answer.status_code
        assert fields["request_id"] == answer.headers["x-request-id"]


def test_what_was_answered_is_in_the_log_by_hash_and_the_name_is_nowhere(start, config, caplog):
    client = start()
    content = encoded(pixels(5))
    with caplog.at_level(logging.DEBUG):
        answer = client.post("/predict", files={"file": ("Jane_Doe_1950.png", content)}).json()
    with client.app.state.service.store.engine.connect() as connection:
        rows = connection.execute(select(PredictionRow.__table__)).mappings().all()
    assert len(rows) == 1
    assert rows[0]["request_id"] == answer["request_id"]
    assert rows[0]["image_sha256"] == hashlib.sha256(content).hexdigest()
    assert rows[0]["probabilities"] == answer["probabilities"]
    assert not rows[0]["stored"]
    assert not config.images.exists()
    assert "Jane" not in caplog.text
    assert not any(b"Jane" in path.read_bytes() for path in config.state.rglob("*") if path.is_file())


def test_images_are_kept_only_when_the_operator_says_so(start, config):
    content = encoded(pixels(5))
    start(store_images=True).post("/predict", files={"file": ("a.png", content)})
    kept = [path for path in config.images.rglob("*") if path.is_file()]
    assert [path.read_bytes() for path in kept] == [content]
    assert kept[0].name == hashlib.sha256(content).hexdigest()


def test_a_full_queue_answers_503_with_retry_after(start):
    client = start(limits=Limits(waiting_images=2))
    content = encoded(pixels(5))
    files = [("files", (f"{number}.png", content)) for number in range(3)]
    answer = client.post("/predict/batch", files=files)
    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) >= 1
    assert client.post("/predict/batch", files=files[:2]).status_code == 200


def test_503_while_the_model_is_loading(config, monkeypatch):
    from sentinode.serving.app import create_app
    from sentinode.serving.predictions import served_model

    release, opened = threading.Event(), served_model.open_engine

    def slow(*arguments, **options):
        release.wait(30)
        return opened(*arguments, **options)

    monkeypatch.setattr(served_model, "open_engine", slow)
    app = create_app(config)
    with TestClient(app) as client:
        assert client.get("/").json() == {"status": "healthy", "model_loaded": False}
        assert client.get("/health/live").status_code == 200
        assert client.get("/health/ready").status_code == 503
        answer = client.post("/predict", files={"file": ("a.png", encoded(pixels(1)))})
        assert (answer.status_code, "retry-after" in answer.headers) == (503, True)
        release.set()
        assert app.state.service.model.wait(60)
        assert client.get("/health/ready").json() == {"status": "ready"}


def test_a_model_that_can_not_be_opened_says_so_and_is_not_waited_for(config, monkeypatch, caplog):
    from sentinode.serving.app import create_app
    from sentinode.serving.predictions import served_model

    def broken(*_arguments, **_options):
        raise RuntimeError("/data/Jane_Doe")

    monkeypatch.setattr(served_model, "open_engine", broken)
    app = create_app(config)
    with TestClient(app) as client:
        assert not app.state.service.model.wait(60)
        answer = client.post("/predict", files={"file": ("a.png", encoded(pixels(1)))})
        assert (answer.status_code, "retry-after" in answer.headers) == (503, False)
        assert "opening it failed (RuntimeError)" in answer.json()["detail"]
        assert client.get("/health/ready").status_code == 503
    assert "RuntimeError at " in caplog.text
    assert "Jane" not in caplog.text


def test_metrics_count_predictions_by_class(start):
    client = start()
    answer = client.post("/predict", files={"file": ("a.png", encoded(pixels(1)))}).json()
    lines = _metrics(client)
    assert f'sentinode_predictions_total{{prediction="{answer["prediction"]}"}} 1.0' in lines
    assert 'sentinode_requests_total{method="POST",path="/predict",status="200"} 1.0' in lines
    assert any(line.startswith("sentinode_queue_images 0") for line in lines)


def _metrics(client: TestClient) -> list[str]:
    return client.get("/metrics").text.splitlines()
