"""The model that is served: opened in the background, so that the server answers while the graph is compiled."""

import logging
import threading

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import SentinodeError
from sentinode.core.messages import one_line
from sentinode.models.bundle import Bundle
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.novelty import TrainingRange
from sentinode.models.prediction import Prediction
from sentinode.serving.logs import places_of
from sentinode.serving.problems import Problem, busy

_LOG = logging.getLogger("sentinode.serving")


class ServedModel:
    """A bundle, and its engine as soon as it is there."""

    def __init__(self, bundle: Bundle, engine: str, threads: int) -> None:
        self.bundle = bundle
        self.info = bundle.info
        self.version = bundle.sha256[:12]
        """The first digits of the bundle's hash: another version, another model."""
        self.problem: str | None = None
        """Why the engine can't be opened."""
        self._name, self._threads = engine, threads
        self._known = TrainingRange.of(bundle.reference())
        self._engine: Engine | None = None
        self._opened = threading.Event()

    def start(self) -> None:
        """Open the engine in a thread, and run it once, so that the first client does not wait for it."""
        threading.Thread(target=self._open, name="open-engine", daemon=True).start()

    def wait(self, timeout: float | None = None) -> bool:
        """Whether the engine is there, waiting for it."""
        return self._opened.wait(timeout) and self._engine is not None

    @property
    def ready(self) -> bool:
        """Whether predictions can be made."""
        return self._engine is not None

    @property
    def engine(self) -> Engine:
        """The engine.

        Raises:
            Problem: 503 while it is being opened, or where that failed.
        """
        if self._engine is None:
            if self.problem:
                raise Problem(503, f"the model can't be run: {self.problem}")
            raise busy("the model is being loaded", 2)
        return self._engine

    def predictions(self, images: list[NDArray[np.uint8]]) -> list[Prediction]:
        """Of images that `images.fit` has let through."""
        scores = self.engine.scores(images)
        outside = self._known.outside(images, scores.embedding) if self._known else [None] * len(images)
        return [
            Prediction.of(each, self.info, outside=far) for each, far in zip(scores.probabilities, outside, strict=True)
        ]

    def _open(self) -> None:
        try:
            self._engine = open_engine(self.bundle, self._name, threads=self._threads)  # runs the bundle's example
        except SentinodeError as error:
            self.problem = one_line(error)
        except Exception as error:  # noqa: BLE001 - otherwise it would be "being loaded" for ever
            _LOG.error("the model can't be opened: %s", places_of(error))
            self.problem = f"opening it failed ({type(error).__name__}); the server's log says where"
        finally:
            self._opened.set()
