"""The model that is served: opened in the background, so that the server answers while the graph is compiled.

Of a slide bundle that is the bundle of its tiles, which scans; the slide model judges what a scan has found.
"""

import logging
import threading

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import SentinodeError
from sentinode.core.messages import one_line
from sentinode.models.bundle import Bundle
from sentinode.models.engines.engine import Engine
from sentinode.models.engines.engine_factory import open_engine
from sentinode.models.mil.slide_bundle import SlideBundle
from sentinode.models.novelty import TrainingRange
from sentinode.models.prediction import Prediction
from sentinode.scanning.scan_config import ScanConfig
from sentinode.scanning.slide_model import SlideModel
from sentinode.serving.logs import places_of
from sentinode.serving.problems import Problem, busy

_LOG = logging.getLogger("sentinode.serving")
_STOP_S = 1.0


def version_of(bundle: Bundle | SlideBundle) -> str:
    """The first digits of a bundle's hash: another version, another model."""
    return bundle.sha256[:12]


class ServedModel:
    """A bundle, and its engine as soon as it is there."""

    def __init__(self, bundle: Bundle, slide_model: SlideModel | None, engine: str, threads: int) -> None:
        """Args:
        bundle: That scans; without a slide model it answers for images, too.
        slide_model: Of the slide bundle that the server was started with.
        engine: That of the command line.
        threads: CPU threads.

        Raises:
            BundleError: The slide model is of other features than its tiles have.
        """
        self.bundle = bundle
        self.info = bundle.info
        self.slide_model = slide_model
        self.served: Bundle | SlideBundle = slide_model.bundle if slide_model else bundle
        """What the server was started with."""
        self.version = version_of(self.served)
        if slide_model:
            slide_model.check(ScanConfig(stride_px=slide_model.stride_px))
        self.problem: str | None = None
        """Why the engine can't be opened."""
        self._name, self._threads = engine, threads
        self._known = TrainingRange.of(bundle.reference())
        self._engine: Engine | None = None
        self._opened = threading.Event()
        self._thread = threading.Thread(target=self._open, name="open-engine", daemon=True)

    def start(self) -> None:
        """Open the engine in a thread, and run it once, so that the first client does not wait for it.

        An application that was stopped may be started again; its engine stays.
        """
        if self._thread.ident is None:
            self._thread.start()

    def stop(self) -> None:
        """Wait a moment for an engine that is being opened, which can't be told to stop."""
        if self._thread.is_alive():
            self._thread.join(_STOP_S)

    def wait(self, timeout: float | None = None) -> bool:
        """Whether the engine is there, waiting for it."""
        return self._opened.wait(timeout) and self._engine is not None

    @property
    def opening(self) -> bool:
        """Whether a library is still at work on it."""
        return self._thread.is_alive()

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

    def check_images(self) -> None:
        """Refuse images now, before they are read.

        Raises:
            Problem: 422 where the server was started with a slide bundle; those of `check_tiles`.
        """
        if self.slide_model:
            raise Problem(
                422,
                f"the served model {self.served.info.name} is a slide bundle, which judges whole slides and no images; "
                f"scan a slide (POST /scans), or ask the server's operator for a server of a bundle that judges tiles, "
                f"such as {self.info.name}",
            )
        self.check_tiles()

    def check_tiles(self) -> None:
        """Refuse tiles without their context, and whatever is asked while there is no engine.

        Raises:
            Problem: 422 where the model sees each tile with its context; those of `engine`.
        """
        if self.info.input.context:
            raise Problem(
                422,
                f"the served model {self.info.name} sees each tile with its context, four times as wide, which a "
                "single image has not; scan a slide (POST /scans), or ask the server's operator for a server of a "
                "bundle without context",
            )
        self.engine  # noqa: B018 - raises where it is not there

    def predictions(self, images: list[NDArray[np.uint8]]) -> list[Prediction]:
        """Of images that `images.fit` has let through."""
        scores = self.engine.scores(images)
        outside = self._known.outside(images, scores.embedding) if self._known else [None] * len(images)
        return [
            Prediction.of(each, self.info, outside=far) for each, far in zip(scores.probabilities, outside, strict=True)
        ]

    def _open(self) -> None:
        try:
            if self.slide_model:
                self.slide_model.open()
            self._engine = open_engine(self.bundle, self._name, threads=self._threads)  # runs the bundle's example
        except SentinodeError as error:
            self.problem = one_line(error)
        except Exception as error:  # noqa: BLE001 - otherwise it would be "being loaded" for ever
            _LOG.error("the model can't be opened: %s", places_of(error))
            self.problem = f"opening it failed ({type(error).__name__}); the server's log says where"
        finally:
            self._opened.set()
