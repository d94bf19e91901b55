"""The model that answers now. Another takes its place in one step, between two requests: each request takes the model
once and is answered by it to its end, with its engine, threshold, temperature and training range.
"""

import threading
from collections.abc import Callable

from sentinode.serving.predictions.served_model import ServedModel

Find = Callable[[str], ServedModel | None]
"""A model that is not in service, by its version; it is not opened. None where it is not known."""


class ModelInService:
    """The model in service, and the one before it, which stays open where it is small: a rollback is at once."""

    def __init__(self, first: ServedModel, most_kept_bytes: int, find: Find = lambda _version: None) -> None:
        """Args:
        first: What answers from the start.
        most_kept_bytes: Of the files of a model that is kept open beside the one that answers.
        find: For scans that were asked of an earlier model.
        """
        self._current, self._find, self._most_kept_bytes = first, find, most_kept_bytes
        self._before: ServedModel | None = None
        self._changing = threading.Lock()

    @property
    def current(self) -> ServedModel:
        """What answers now. Take it once for all of a request."""
        return self._current

    def kept(self, sha256: str) -> ServedModel | None:
        """An open model of that hash: the one in service, or the one before."""
        models = (self._current, self._before)
        return next((model for model in models if model and model.ready and model.served.sha256 == sha256), None)

    def put(self, model: ServedModel) -> None:
        """Let a model answer that is open and checked. What was begun with another ends with that one."""
        with self._changing:
            if model is self._current:
                return
            before, self._current = self._current, model
            self._before = before if before.ready and _bytes_of(before) <= self._most_kept_bytes else None

    def of_version(self, version: str) -> ServedModel | None:
        """The model of a version, which need not be open; None where it is not known here."""
        models = (self._current, self._before)
        return next((model for model in models if model and model.version == version), None) or self._find(version)


def _bytes_of(model: ServedModel) -> int:
    return sum(path.stat().st_size for path in model.bundle.folder.iterdir() if path.is_file())
