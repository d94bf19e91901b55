"""Serving what an alias of the registry points to, also after it is moved: by this server, another or a command."""

import logging
import threading
import time
from collections.abc import Callable

from sqlalchemy.exc import SQLAlchemyError

from sentinode.core.errors import SentinodeError
from sentinode.core.messages import one_line
from sentinode.models.bundle import Bundle
from sentinode.registry.alias import Alias
from sentinode.registry.registry import Registry
from sentinode.serving.logs import places_of
from sentinode.serving.predictions.model_in_service import ModelInService
from sentinode.serving.predictions.served_model import ServedModel, version_of
from sentinode.serving.problems import Problem

_LOG = logging.getLogger("sentinode.serving")
_LOOK_S = 0.5
"""Between two looks at where the alias points: other servers and commands are followed within this and a swap."""
_AGAIN_S = 10.0
"""Before what can't be opened is tried once more."""
_STOP_S = 1.0
"""Longest wait for an engine that is being opened, which can't be told to stop."""

Opening = Callable[[Bundle], ServedModel]
"""Makes a model of a bundle; it is not opened yet."""


class AliasFollower:
    """Looks where an alias points, opens that version beside the one that answers, and only then lets it answer."""

    def __init__(self, registry: Registry, alias: Alias, in_service: ModelInService, opening: Opening) -> None:
        self.alias = alias
        self._registry, self._in_service, self._opening = registry, in_service, opening
        self._turn = threading.RLock()
        self._ready: ServedModel | None = None
        """Opened for an alias that is about to be moved."""
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None
        self.problem: str | None = None
        """Why what the alias points to does not answer; what answered before does."""
        self._failed: tuple[str | None, float] = (None, 0.0)
        """Hash of what could not be opened, and when it is tried again."""

    def start(self) -> None:
        """Begin to look."""
        self._thread = threading.Thread(target=self._watch, name="follow-alias", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Look no longer."""
        self._stopping.set()
        if self._thread:
            self._thread.join(_STOP_S)

    @property
    def opening(self) -> bool:
        """Whether it still opens something, after it was stopped."""
        return bool(self._thread and self._thread.is_alive())

    def prepare(self, bundle: Bundle) -> None:
        """Open a version before the alias is pointed to it, so that what can't be run is never promoted.

        Raises:
            Problem: 409 where it can't be run here.
        """
        with self._turn:
            self._ready = self._opened(bundle)

    def look(self) -> None:
        """Let answer what the alias points to, if something else does.

        Raises:
            SentinodeError: Its copy is gone or was changed.
            Problem: It can't be run here.
        """
        with self._turn:
            sha256 = self._registry.target(self.alias)
            if sha256 is None or sha256 == self._in_service.current.served.sha256:
                self._ready = self.problem = None
                return
            ready = self._ready if self._ready and self._ready.served.sha256 == sha256 else None
            kept = ready or self._in_service.kept(sha256)
            model = kept or self._opened(self._registry.open_version(sha256))
            before = self._in_service.current
            self._in_service.put(model)
            self._ready = self.problem = None
            _LOG.info("%s answers from now on, before %s", model.version, before.version)

    def _opened(self, bundle: Bundle) -> ServedModel:
        kept = self._in_service.kept(bundle.sha256)
        if kept is not None:
            return kept
        model = self._opening(bundle)
        model.start()
        if not model.wait():
            raise Problem(
                409, f"version {version_of(bundle)} can't be run here: {model.problem}; {self.alias} answers as before"
            )
        return model

    def _watch(self) -> None:
        while not self._stopping.wait(_LOOK_S):
            target = None
            try:
                target = self._registry.target(self.alias)
                if (target, True) != (self._failed[0], time.monotonic() < self._failed[1]):
                    self.look()
            except SQLAlchemyError as error:  # a database that is away for a moment
                _LOG.error("%s: %s", self.alias, places_of(error))
            except (SentinodeError, Problem) as error:
                said = error.detail if isinstance(error, Problem) else one_line(error)
                if said != self.problem:
                    _LOG.error("%s is not followed: %s", self.alias, said)
                self.problem, self._failed = said, (target, time.monotonic() + _AGAIN_S)
