"""The description of the API: complete, with examples that are as the answers are."""

import json
import re
import xml.etree.ElementTree as ET

import jsonschema_rs
import numpy as np
import pytest

from helpers import scan_folders
from helpers.pictures import encoded, pixels

PROBLEM = "application/problem+json"


@pytest.fixture
def described(client):
    """The description, and a check of a value against one of its schemas."""
    document = client.get("/openapi.json").json()

    def check(value, schema):
        jsonschema_rs.validate({**schema, "components": document["components"]}, value)

    return document, check


def _operations(document):
    return {(method, path): one for path, methods in document["paths"].items() for method, one in methods.items()}


def test_every_operation_says_what_it_is(described):
    document, _ = described
    operations = _operations(document)
    tags = {tag["name"] for tag in document["tags"]}
    for key, operation in operations.items():
        assert re.fullmatch(r"[a-z]+(_[a-z]+)*", operation["operationId"]), key
        assert operation["summary"], key
        assert operation["description"], key
        assert len(operation["tags"]) == 1, key
        assert tags.issuperset(operation["tags"]), key
    names = [operation["operationId"] for operation in operations.values()]
    assert len(set(names)) == len(names)


def test_every_parameter_and_body_has_a_valid_example(described):
    document, check = described
    for key, operation in _operations(document).items():
        for parameter in operation.get("parameters", []):
            assert parameter["description"], (key, parameter["name"])
            check(parameter["example"], parameter["schema"])
        for content in operation.get("requestBody", {}).get("content", {}).values():
            check(content["example"], content["schema"])


def test_every_answer_has_a_valid_example(described):
    document, check = described
    for key, operation in _operations(document).items():
        good = {status: answer for status, answer in operation["responses"].items() if status.startswith("2")}
        assert good, key
        for answer in good.values():
            assert answer["content"], key
            for kind, content in answer["content"].items():
                if not kind.startswith("image/"):  # JSON can't hold a picture
                    check(content["example"], content["schema"])
                    _check_text(kind, content["example"])


def _check_text(kind, example):
    if kind == "application/geo+json":
        assert json.loads(example)["type"] == "FeatureCollection"
    if kind == "application/xml":
        ET.fromstring(example)


def test_every_problem_says_what_to_do(described):
    document, check = described
    for key, operation in _operations(document).items():
        problems = {status: one for status, one in operation["responses"].items() if not status.startswith("2")}
        assert {"401", "403", "422", "503"} <= set(problems), key
        for status, answer in problems.items():
            example = answer["content"][PROBLEM]["example"]
            check(example, answer["content"][PROBLEM]["schema"])
            assert example["status"] == int(status)
            assert re.search(r"; .{8}|: pip install", example["detail"]), example["detail"]


def test_answers_are_as_they_are_described(config, start):
    scan_folders.write_scan(config.scans / "case", np.full((4, 5), 0.9, np.float32))
    client = start()
    document = client.get("/openapi.json").json()
    ids = {
        "slide_id": client.get("/slides").json()["slides"][0]["id"],
        "scan_id": client.get("/scans").json()["scans"][0]["id"],
    }
    seen = 0
    for (method, path), operation in _operations(document).items():
        for status, answer in operation["responses"].items():
            content = answer.get("content", {}).get("application/json")
            if method != "get" or status != "200" or content is None:
                continue
            given = client.get(path.format(**ids))
            assert given.status_code == 200, path
            jsonschema_rs.validate({**content["schema"], "components": document["components"]}, given.json())
            seen += 1
    assert seen > 10
    files = {"file": ("a.png", encoded(pixels(1)))}
    for path in ("/predict", "/explain"):
        schema = document["paths"][path]["post"]["responses"]["200"]["content"]["application/json"]["schema"]
        given = client.post(path, files=files).json()
        jsonschema_rs.validate({**schema, "components": document["components"]}, given)
