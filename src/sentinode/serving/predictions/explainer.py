"""Explanations for clients, made in a process of their own, which is loaded as soon as predictions can be made.

A process, not a thread: loading torch holds the interpreter's lock for seconds, in which no prediction would be
answered; and what runs out of memory there takes no scan and no prediction with it.
"""

import base64
import logging
import threading
import time
from collections import deque
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import MissingExtraError
from sentinode.models.bundle import Bundle
from sentinode.serving.predictions.served_model import ServedModel
from sentinode.serving.problems import Problem, busy
from sentinode.serving.workers.child_process import ChildProcess

_LOG = logging.getLogger("sentinode.serving")
PATIENCE_S = 20.0
"""Longest time that a client waits for torch to be loaded."""
_COME_AGAIN_S = 5
_LOOK_S = 0.1


class Explainer:
    """The methods, and explanations one at a time."""

    def __init__(self, engine: str, threads: int, niceness: int) -> None:
        """`niceness`: how far the process stands back behind this one, 0 to 19."""
        self._opening = {"engine": engine, "threads": threads}
        self._process = ChildProcess("sentinode.serving.workers.explanation_child", niceness)
        self._turn = threading.Lock()
        self._asking_methods = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()
        self._methods: tuple[str, list[dict[str, Any]]] | None = None
        """Hash of the bundle that was asked for last, and its methods."""

    def start(self, model: ServedModel) -> None:
        """Load the process in the background, once the model is there: predictions don't wait for it."""
        self._thread = threading.Thread(target=self._warm, args=(model,), name="warm-explanations", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the process; whoever waits for it gets a problem."""
        self._stopping.set()
        self._process.end(for_good=True)
        if self._thread:
            self._thread.join()

    def known_methods(self, bundle: Bundle) -> list[dict[str, Any]] | None:
        """The methods that suit a bundle, the default first; None: not known yet."""
        known = self._methods
        return known[1] if known and known[0] == bundle.sha256 else None

    def find_methods(self, bundle: Bundle, asked: float) -> list[dict[str, Any]]:
        """The methods that suit a bundle, the default first, waiting until they are known.

        Args:
            bundle: Of the model that answers.
            asked: When, as `time.monotonic` has it.

        Raises:
            Problem: 501 where torch is not installed, 503 while it is being loaded.
        """
        if (known := self.known_methods(bundle)) is not None:
            return known
        # Whoever waited while another asked takes that answer: the process is not asked twice.
        if not self._asking_methods.acquire(timeout=max(0.0, asked + PATIENCE_S - time.monotonic())):
            raise busy("what explains is still being loaded", _COME_AGAIN_S)
        try:
            if (known := self.known_methods(bundle)) is None:
                known = self._ask(bundle, {}, asked)["methods"]
                self._methods = bundle.sha256, known
            return known
        finally:
            self._asking_methods.release()

    def explain(
        self,
        bundle: Bundle,
        image: NDArray[np.uint8],
        method: str | None,
        target: str | None,
        asked: float,
        *,
        faithfulness: bool,
    ) -> dict[str, Any]:
        """What a method says of an image (H, W, 3) for a class.

        Args:
            bundle: Of the model that has answered.
            image: As the model takes it.
            method: None: the default.
            target: None: the positive class.
            asked: When, as `time.monotonic` has it.
            faithfulness: Measure it, too: some hundred answers of the model.

        Raises:
            Problem: 422 for a method or class that is not there, 501 where torch is not installed, 503 while it is
                being loaded.
        """
        height, width = image.shape[:2]
        asking = {
            "image": base64.b64encode(image.tobytes()).decode(),
            "height": height,
            "width": width,
            "method": method,
            "class": target,
            "faithfulness": faithfulness,
        }
        return self._ask(bundle, asking, asked)

    def _ask(self, bundle: Bundle, job: dict[str, Any], asked: float) -> dict[str, Any]:
        if not self._turn.acquire(timeout=max(0.0, asked + PATIENCE_S - time.monotonic())):
            raise busy("what explains is still being loaded", _COME_AGAIN_S)
        try:
            said = deque(self._process.begin({"bundle": str(bundle.folder), **self._opening, **job}), maxlen=1)
        finally:
            self._turn.release()
        result = said[0] if said else {}
        if "finished" in result:
            found: dict[str, Any] = result["finished"]
            return found
        raise self._problem(result)

    def _problem(self, result: dict[str, Any]) -> Problem:
        if self._stopping.is_set():
            return busy("the server is ending", _COME_AGAIN_S)
        if "places" in result:
            _LOG.error("an explanation failed: %s", result["places"])
            return Problem(500, f"{result['failed']}; tell the server's operator the request id")
        if "failed" in result:
            return Problem(501 if result["error"] == MissingExtraError.__name__ else 422, result["failed"])
        _LOG.error("the process that explains ended unexpectedly")
        return busy("what explains has ended, perhaps for want of memory, and is started again", _COME_AGAIN_S)

    def _warm(self, model: ServedModel) -> None:
        while not model.ready:
            if model.problem or self._stopping.wait(_LOOK_S):
                return
        try:
            self.find_methods(model.bundle, time.monotonic())
        except Problem as problem:  # whoever asks is told; the operator is now
            if not self._stopping.is_set():
                _LOG.warning("explanations can't be made: %s", problem.detail)
