"""Explanations for clients: the map as an RGBA picture of the image's size, to be laid over it."""

import base64
import io
import threading
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from sentinode.core.errors import MissingExtraError, SentinodeError
from sentinode.models.bundle import Bundle
from sentinode.serving.problems import Problem


class Explaining:
    """A model that can be explained, opened at the first explanation: torch takes seconds to load."""

    def __init__(self, bundle: Bundle, engine: str, threads: int) -> None:
        self._bundle, self._engine, self._threads = bundle, engine, threads
        self._lock = threading.Lock()
        self._opened: Any = None
        self._methods: list[dict[str, Any]] | None = None

    def methods(self) -> list[dict[str, Any]]:
        """The methods that suit the model; the first one is the default.

        Raises:
            Problem: 501 where torch is not installed.
        """
        model = self._model()
        if self._methods is None:
            from sentinode.explanation.methods import METHODS, why_not

            fitting = [method for name, method in METHODS.items() if why_not(model, name) is None]
            self._methods = [
                {"name": one.name, "title": one.title, "description": one.about, "default": number == 0}
                for number, one in enumerate(fitting)
            ]
        return self._methods

    def explain(
        self, image: NDArray[np.uint8], method: str | None, target: str | None, *, faithfulness: bool
    ) -> dict[str, Any]:
        """What a method says of an image (H, W, 3) for a class.

        Args:
            image: As the model takes it.
            method: None: the default.
            target: None: the positive class.
            faithfulness: Measure it, too: some hundred answers of the model.

        Raises:
            Problem: 422 for a method or class that is not there, 501 where torch is not installed.
        """
        from sentinode.explanation.explaining import Examiner, explain

        model, name = self._model(), method or self.methods()[0]["name"]
        target = self._bundle.info.classes.aliases.get(target or "", target)
        try:
            found = explain(model, image, name, target)
            figures = (
                Examiner(model).faithfulness(image, found.map, self._number(found.target)) if faithfulness else None
            )
        except SentinodeError as error:
            raise Problem(422, " ".join(str(error).split())) from error
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

    def _number(self, target: str) -> int:
        return self._bundle.info.classes.names.index(target)

    def _model(self) -> Any:
        with self._lock:
            if self._opened is None:
                try:
                    from sentinode.explanation.opened import open_model
                except (MissingExtraError, ModuleNotFoundError) as error:
                    message = "explanations need torch, which is not installed here: pip install 'sentinode[models]'"
                    raise Problem(501, message) from error
                self._opened = open_model(self._bundle, engine=self._engine, threads=self._threads)
            return self._opened


def data_url(pixels: NDArray[np.uint8], kind: str) -> str:
    """Pixels (h, w, 3 or 4) as a data URL of a PNG or JPEG."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, kind)
    return f"data:image/{kind.lower()};base64,{base64.b64encode(out.getvalue()).decode()}"


def _layer(map_: NDArray[np.float32], *, signed: bool) -> NDArray[np.uint8]:
    """(H, W, 4): colour by the map, opaque where it is strongest, transparent where it is 0."""
    from sentinode.explanation.pictures import colours_of, scaled

    strength = scaled(map_, signed=signed)
    alpha = np.rint(np.abs(strength) * 255).astype(np.uint8)
    return np.concatenate([colours_of(strength, signed=signed), alpha[..., None]], axis=2)
