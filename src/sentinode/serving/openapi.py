"""The API's description: what the routes say of themselves, completed with the examples of `examples.json`.

There are those that several routes share, and those too long to stand beside their route.
"""

import json
from importlib.resources import files
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi

from sentinode.serving.problems import MEDIA_TYPE, PROBLEM_SCHEMA, Problem
from sentinode.serving.schemas import ProblemAnswer

_TAGS = {
    "predictions": "Classes of images, calibrated.",
    "explanations": "What in an image speaks for a class.",
    "model": "What is served, and how good it is.",
    "registry": "Versions of models, and which of them serves.",
    "slides": "Slides and their views. Coordinates are level-0 pixels.",
    "scans": "Scans of whole slides as jobs, and what they found.",
    "reviews": "What people say of lesions; never deleted, only undone.",
    "access": "Sessions of browsers; programs send `Authorization: Bearer TOKEN`.",
    "operation": "For whoever runs the server.",
}
_REQUEST_ID = "5f0c9a4be1d24c6d"


def describe(app: FastAPI, root_path: str) -> dict[str, Any]:
    """OpenAPI of `app`: every parameter, body and answer with an example, but for pictures, which JSON can't hold."""
    schema = get_openapi(
        title=app.title,
        version=app.version,
        description=app.description,
        routes=app.routes,
        tags=[{"name": name, "description": about} for name, about in _TAGS.items()],
        servers=[{"url": root_path}] if root_path else None,
    )
    components = schema.setdefault("components", {})
    components.setdefault("schemas", {})[ProblemAnswer.__name__] = PROBLEM_SCHEMA
    components["securitySchemes"] = {
        "bearer": {"type": "http", "scheme": "bearer"},
        "session": {"type": "apiKey", "in": "cookie", "name": "sentinode_session"},
    }
    schema["security"] = [{}, {"bearer": []}, {"session": []}]
    examples = json.loads((files("sentinode.serving") / "examples.json").read_text(encoding="utf-8"))
    for path, methods in schema["paths"].items():
        for method, operation in methods.items():
            known = examples["operations"].get(f"{method.upper()} {path}", {})
            _complete_request(operation, known, examples["parameters"])
            _complete_answers(operation["responses"], known.get("answers", {}), examples["problems"])
    return schema


def _complete_request(operation: dict[str, Any], known: dict[str, Any], parameters: dict[str, list[Any]]) -> None:
    for parameter in operation.get("parameters", ()):
        own = parameter["schema"].pop("examples", None)
        about, example = ("", own[0]) if own else parameters[parameter["name"]]
        parameter["example"] = example
        parameter.setdefault("description", about)
    for content in operation.get("requestBody", {}).get("content", {}).values():
        own = content["schema"].pop("examples", None)
        content.setdefault("example", own[0] if own else known.get("request"))


def _complete_answers(answers: dict[str, Any], known: dict[str, dict[str, Any]], problems: dict[str, str]) -> None:
    for status, answer in answers.items():
        content = answer.get("content", {})
        if MEDIA_TYPE in content:
            problem = Problem(int(status), problems[status])
            content[MEDIA_TYPE]["example"] = problem.fields(_REQUEST_ID)
            continue
        if content.get("application/json") == {"schema": {}}:
            del content["application/json"]  # FastAPI's guess for a route that answers with something else
        for kind, example in known.get(status, {}).items():
            content[kind]["example"] = example
