"""Serving an alias of the registry: promotions and rollbacks while clients ask, over HTTP and from elsewhere."""

import json
import random
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPException
from pathlib import Path

import numpy as np
import pytest
from sqlalchemy import select

from helpers.model_versions import write_version
from helpers.pictures import encoded, pixels
from helpers.server_process import Server
from sentinode.core.errors import SentinodeError
from sentinode.models.engines.engine_factory import open_engine
from sentinode.registry.alias import Alias
from sentinode.registry.gate import first_report
from sentinode.registry.place import open_registry
from sentinode.serving.startup import serve
from sentinode.store.tables import PredictionRow

CHAMPION = Alias("plain", "champion")


@pytest.fixture(scope="session")
def challenger(tmp_path_factory):
    """A bundle of the small one's input contract, with another temperature, threshold and probabilities."""
    return write_version(tmp_path_factory.mktemp("challenger") / "plain", 3.0)


@pytest.fixture
def promoted(config, bundle, challenger):
    """A registry in which the alias points to the small bundle, and the challenger is there."""
    with open_registry(config.state, make=True) as registry:
        registry.add(bundle, None, "ann")
        registry.add(challenger, None, "ann")
        registry.keep(CHAMPION, first_report(bundle, None), "ann")
        registry.promote(CHAMPION, bundle.sha256, "ann")
        yield registry


@pytest.fixture
def client(start, promoted):
    """An app that serves the alias."""
    return start(bundle=str(CHAMPION))


def _predict(client, content):
    return client.post("/predict", files={"file": ("a.png", content)})


def _promote(client, version, **fields):
    return client.post("/models/plain/champion/promote", json={"version": version.sha256[:12], **fields})


def _alone(bundle, images):
    engine = open_engine(bundle, "openvino")
    return [engine.predict(image[None]).probabilities[0].tolist() for image in images]


def test_a_promotion_and_a_rollback_over_http(client, bundle, challenger):
    content = encoded(pixels(1))
    (old,), (new,) = (_alone(one, [pixels(1)]) for one in (bundle, challenger))
    assert old != new

    def answered():
        fields = _predict(client, content).json()
        facts = client.get("/model").json()["version"]
        assert facts == fields["model"]["version"]
        return fields["model"]["version"], list(fields["probabilities"].values())

    assert answered() == (bundle.sha256[:12], old)
    entry = _promote(client, challenger, reason="a test", force=True).json()
    assert (entry["action"], entry["from_sha256"], entry["to_sha256"]) == ("promote", bundle.sha256, challenger.sha256)
    assert (entry["forced"], entry["user_name"], entry["gate"]) == (True, "local", None)
    assert answered() == (challenger.sha256[:12], new)
    assert client.post("/models/plain/champion/rollback", json={"reason": "worse"}).status_code == 200
    assert answered() == (bundle.sha256[:12], old)
    with client.app.state.service.store.engine.connect() as connection:
        rows = connection.execute(select(PredictionRow.model_version)).scalars().all()
    assert rows == [one.sha256[:12] for one in (bundle, challenger, bundle)]
    shown = client.get("/models").json()
    assert (shown["serves"], shown["follows"], shown["problem"]) == (bundle.sha256[:12], "plain@champion", None)
    assert shown["aliases"] == {"plain@champion": bundle.sha256}
    assert client.get("/models", params={"at": "2020-01-01"}).json()["aliases"] == {}
    assert [one["action"] for one in client.get("/models/log").json()][-2:] == ["promote", "rollback"]
    metrics = [line for line in client.get("/metrics").text.splitlines() if line.startswith("sentinode_model_")]
    assert sum(challenger.sha256[:12] in line for line in metrics) == 0


def test_what_is_refused_changes_nothing(client, bundle, challenger):
    refused = {
        409: [
            _promote(client, challenger),
            _promote(client, challenger, force=True),
            _promote(client, bundle, force=True, reason="a test"),
            client.post("/models/plain/champion/rollback", json={}),
            client.post("/models/plain/retire", json={"version": bundle.sha256[:12]}),
        ],
        404: [
            client.get("/models/log", params={"name": "nosuch"}),
            client.post("/models/other/champion/promote", json={"version": "0" * 12}),
            client.post("/models/plain/champion/promote", json={"version": "0" * 12}),
        ],
        422: [
            client.post("/models/plain/Champion/rollback", json={}),
            client.get("/models", params={"at": "soon"}),
            client.get("/models/log", params={"name": "plain@champion"}),
            client.post("/models/plain/champion/promote", json={"version": "0" * 12, "force": "yes"}),
            client.post("/models/plain/champion/rollback", json={"reason": "one\u2028two"}),
            client.post("/models/plain/champion/promote", json={"version": "xyz"}),
            client.post("/models/plain/champion/promote", json={"version": "0" * 12, "user": "me"}),
        ],
    }
    for status, answers in refused.items():
        for answer in answers:
            assert answer.status_code == status, answer.text
            assert "; " in answer.json()["detail"]
    assert client.get("/models").json()["serves"] == bundle.sha256[:12]
    assert client.post("/models/plain/retire", json={"version": challenger.sha256[:12]}).json()["retired"]


def test_what_can_not_be_run_is_never_promoted(client, promoted, bundle, config, tmp_path, monkeypatch):
    broken = write_version(tmp_path / "broken", 5.0)
    promoted.add(broken, None, "ann")
    from sentinode.serving.predictions import served_model

    opened = served_model.open_engine

    def failing(one, *arguments, **options):
        if one.sha256 == broken.sha256:
            raise SentinodeError("it answers its example differently; get the bundle again")
        return opened(one, *arguments, **options)

    monkeypatch.setattr(served_model, "open_engine", failing)
    answer = _promote(client, broken, force=True, reason="a test")
    assert answer.status_code == 409
    assert "answers its example differently" in answer.json()["detail"]
    assert promoted.target(CHAMPION) == bundle.sha256
    # Promoted from elsewhere it is not served, and said to be so; what served goes on.
    promoted.promote(CHAMPION, broken.sha256, "ann", "a test", force=True)
    _until(lambda: client.get("/models").json()["problem"])
    assert "can't be run here" in client.get("/models").json()["problem"]
    assert _predict(client, encoded(pixels(1))).json()["model"]["version"] == bundle.sha256[:12]


def test_promotions_from_elsewhere_are_followed(client, promoted, challenger):
    promoted.promote(CHAMPION, challenger.sha256, "ann", "a test", force=True)
    _until(lambda: client.get("/models").json()["serves"] == challenger.sha256[:12])
    assert _predict(client, encoded(pixels(1))).json()["model"]["version"] == challenger.sha256[:12]


def test_an_explanation_is_of_the_model_that_answered(client, challenger, bundle, monkeypatch):
    explainer = client.app.state.service.explainer
    opened, begin = [], explainer._process.begin
    monkeypatch.setattr(explainer._process, "begin", lambda job: opened.append(Path(job["bundle"]).name) or begin(job))
    files = {"file": ("a.png", encoded(pixels(4)))}
    before = client.post("/explain", files=files).json()
    assert _promote(client, challenger, force=True, reason="a test").status_code == 200
    after = client.post("/explain", files=files).json()
    said = [one["prediction"]["model"]["version"] for one in (before, after)]
    assert said == [bundle.sha256[:12], challenger.sha256[:12]]
    assert opened[-2:] == [bundle.sha256, challenger.sha256]
    methods = client.get("/explain/methods").json()
    assert explainer.known_methods(challenger) == methods
    assert explainer.known_methods(bundle) is None


def test_a_scan_is_by_the_model_that_it_was_asked_of(client, promoted, challenger, bundle, config):
    jobs = client.app.state.service.jobs
    slide_id = client.get("/slides").json()["slides"][0]["id"]
    with jobs._changed:  # the scan waits while the alias is moved
        row, _ = jobs.submit(client.app.state.service.library.get(slide_id), {}, "ann")
        assert _promote(client, challenger, force=True, reason="a test").status_code == 200
    _until(lambda: client.get(f"/scans/{row.id}").json()["status"] == "finished")
    record = json.loads((config.scans / "one" / "scan.json").read_text())
    assert record["bundle"]["sha256"] == bundle.sha256
    assert client.app.state.service.store.scans.get(row.id).model_version == bundle.sha256[:12]
    again = client.post("/scans", json={"slide_id": slide_id}).json()
    assert again["id"] != row.id  # by the model that serves now
    assert client.app.state.service.store.scans.get(again["id"]).model_version == challenger.sha256[:12]


def test_a_scan_of_a_model_that_is_gone_says_by_what_it_is(start, config, bundle, challenger):
    first = start()
    service = first.app.state.service
    slide_id = first.get("/slides").json()["slides"][0]["id"]
    with service.jobs._changed:
        row, _ = service.jobs.submit(service.library.get(slide_id), {}, "ann")
        service.store.scans.change(row.id, model_version="0" * 12)  # as after a start with another bundle
    _until(lambda: first.get(f"/scans/{row.id}").json()["status"] == "finished")
    assert service.store.scans.get(row.id).model_version == bundle.sha256[:12]


def test_a_server_of_a_bundle_has_the_registry_too(start, promoted, bundle, challenger):
    plain = start()
    assert plain.get("/models").json()["follows"] is None
    assert _promote(plain, challenger, force=True, reason="a test").status_code == 200
    assert plain.get("/models").json()["serves"] == bundle.sha256[:12]


def test_an_alias_without_a_version_and_a_report_of_one_are_refused(config, tmp_path):
    from dataclasses import replace

    from sentinode.serving.app import create_app

    with pytest.raises(SentinodeError, match=r"points to no version; promote one"):
        create_app(replace(config, bundle="nothing@champion"))
    (tmp_path / "report.html").write_text("x")
    with pytest.raises(SentinodeError, match="is of one version"):
        serve("plain@champion", report=tmp_path / "report.html", data=tmp_path / "state", tell=print)


def test_clients_during_promotions_and_a_kill_hear_one_of_the_two(promoted, bundle, challenger, slides, config):
    images = [pixels(seed) for seed in range(8)]
    contents = [encoded(image) for image in images]
    expected = {one.sha256[:12]: _alone(one, images) for one in (bundle, challenger)}
    words = ("--data", str(config.state))
    server = Server(str(CHAMPION), slides, config.scans, *words, light=True).ready()
    stop, errors, served = threading.Event(), [], Counter()

    def ask(number):
        chosen = random.Random(number)
        while not stop.is_set():
            place = chosen.randrange(len(images))
            try:
                fields = server.predict(contents[place])
            except (OSError, HTTPException) as error:
                errors.append(error)
                continue
            version = fields["model"]["version"]
            served[version] += 1
            if list(fields["probabilities"].values()) != expected[version][place]:
                errors.append((version, place, fields))

    def move(number):
        if number % 2:
            return server.post("/models/plain/champion/rollback", b"{}")
        wanted = {"version": challenger.sha256, "force": True, "reason": "a test"}
        return server.post("/models/plain/champion/promote", json.dumps(wanted).encode())

    with ThreadPoolExecutor(8) as pool:
        asking = [pool.submit(ask, number) for number in range(8)]
        for number in range(20):
            before = sum(served.values())
            move(number)
            server.wait(lambda: sum(served.values()) > before + 8)  # noqa: B023 - called at once
        stop.set()
        [one.result() for one in asking]
    assert errors == []
    assert set(served) == set(expected)
    moves = threading.Thread(target=lambda: _moved_until_killed(move), daemon=True)
    moves.start()
    server.wait(lambda: len(promoted.log("plain", "champion")) > 24)
    server.end(9)
    moves.join()
    entries = promoted.log("plain", "champion")
    assert [entry.from_sha256 for entry in entries[1:]] == [entry.to_sha256 for entry in entries[:-1]]
    again = Server(str(CHAMPION), slides, config.scans, *words, light=True).ready()
    assert again.predict(contents[0])["model"]["version"] == promoted.target(CHAMPION)[:12]
    assert again.end() == 0


def _moved_until_killed(move):
    for number in range(10_000):
        try:
            move(number)
        except (OSError, HTTPException):
            return


def _until(condition):
    for _ in range(1200):
        if condition():
            return
        time.sleep(0.05)
    raise AssertionError


def test_a_batch_with_images_of_both_answers_each_by_its_own(client, bundle, challenger):
    from sentinode.serving.predictions.predictor import Asked

    service = client.app.state.service
    old = service.model
    assert _promote(client, challenger, force=True, reason="a test").status_code == 200
    models = [old, service.model, service.model, old]
    images = [pixels(seed) for seed in range(4)]
    asked = [
        Asked(model, lambda image=image: image, b"", "r", "u") for model, image in zip(models, images, strict=True)
    ]
    found = service.predictor.run(asked)
    assert [one.model["version"] for one in found] == [model.version for model in models]
    for one, model, image in zip(found, models, images, strict=True):
        said = np.array(list(one.to_json()["probabilities"].values()), np.float32)
        np.testing.assert_array_equal(said, model.engine.predict(image[None]).probabilities[0])
