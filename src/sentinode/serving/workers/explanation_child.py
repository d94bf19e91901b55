"""The process that explains: `python -m sentinode.serving.workers.explanation_child NICENESS`, started by the server.

It alone loads torch, which takes seconds and hundreds of megabytes, and keeps the model open.
"""

import base64
import io
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.errors import MissingExtraError
from sentinode.serving.workers.child_main import Fields, Say, serve_jobs

if TYPE_CHECKING:
    from sentinode.explanation.explainable_model import ExplainableModel


def explain(job: Fields, say: Say) -> Fields:
    """The methods that suit the model, the default first; or, of a job with an image, its explanation.

    Raises:
        MissingExtraError: torch is not installed.
        SentinodeError: There is no such method or class.
    """
    del say
    model = _opened(job["bundle"], job["engine"], job["threads"])
    return _explained(model, job) if "image" in job else {"methods": _methods(model)}


@lru_cache(maxsize=2)  # the model in service, and the one before it
def _opened(bundle: str, engine: str, threads: int) -> "ExplainableModel":
    from sentinode.models.bundle import open_bundle

    try:
        from sentinode.explanation.explainable_model import open_model
    except ModuleNotFoundError as error:
        message = f"explanations need {error.name}, which is not installed here: pip install 'sentinode[explain]'"
        raise MissingExtraError(message) from error
    return open_model(open_bundle(bundle), engine=engine, threads=threads)


def _methods(model: "ExplainableModel") -> list[Fields]:
    from sentinode.explanation.methods import fitting_methods

    return [
        {"name": one.name, "title": one.title, "description": one.about, "default": number == 0}
        for number, one in enumerate(fitting_methods(model))
    ]


def _explained(model: "ExplainableModel", job: Fields) -> Fields:
    from sentinode.explanation.explanation import Examiner, explain

    pixels = np.frombuffer(base64.b64decode(job["image"]), np.uint8).reshape(job["height"], job["width"], 3)
    method = job["method"] or _methods(model)[0]["name"]
    classes = model.info.classes
    found = explain(model, pixels, method, classes.aliases.get(job["class"] or "", job["class"]))
    figures = None
    if job["faithfulness"]:
        figures = Examiner(model).faithfulness(pixels, found.map, classes.names.index(found.target))
    return {
        "method": found.method,
        "class": found.target,
        "map": data_url(_layer(found.map, signed=found.signed), "PNG"),
        "faithfulness": figures
        and {
            "deletion": figures.deletion,
            "insertion": figures.insertion,
            "gain": figures.gain,
            "spread": figures.spread,
            "random_orders": len(figures.chance.deletion),
            "random_orders_beaten": figures.beaten,
        },
    }


def data_url(pixels: NDArray[np.uint8], kind: str) -> str:
    """Pixels (h, w, 3 or 4) as a data URL of a PNG or JPEG."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"


def _layer(map_: NDArray[np.float32], *, signed: bool) -> NDArray[Any]:
    """(H, W, 4): colour by the map, opaque where it is strongest, transparent where it is 0."""
    from sentinode.explanation.map_pictures import colours_of, scaled

    strength = scaled(map_, signed=signed)
    alpha = np.rint(np.abs(strength) * 255).astype(np.uint8)
    return np.concatenate([colours_of(strength, signed=signed), alpha[..., None]], axis=2)


if __name__ == "__main__":
    serve_jobs(explain)
