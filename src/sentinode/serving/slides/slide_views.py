"""What is drawn of slides, by processes that can be ended: facts, tiles, thumbnails, masks, pixels."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from sentinode.core.errors import MissingExtraError
from sentinode.serving.problems import Problem, busy
from sentinode.serving.serve_config import Limits
from sentinode.serving.slides.known_slide import KnownSlide, check_version, public
from sentinode.serving.workers.bounded_workers import (
    BoundedWorkers,
    LostWorkerError,
    OverdueJobError,
    WorkerFailedError,
)
from sentinode.serving.workers.child_main import CONTENT

_CHILD = "sentinode.serving.slides.slide_child"
DRAWING = 2
"""Processes that draw."""
_PYRAMID = "save it as a pyramid in tiles, as a tiled TIFF with coarser levels"


class SlideViews:
    """Two processes that draw, and one for facts, so that slides are listed while others are drawn."""

    def __init__(self, limits: Limits) -> None:
        """Nothing is started yet."""
        self._limits = limits
        bounds = limits.view_s, limits.view_memory_bytes
        self._drawing = BoundedWorkers(_CHILD, DRAWING, *bounds)
        self._looking = BoundedWorkers(_CHILD, 1, *bounds)

    def start(self) -> None:
        """Start the processes, so that the first view need not wait for their libraries."""
        self._drawing.start()
        self._looking.start()

    def close(self) -> None:
        """End the processes; whoever waits for a view gets a problem."""
        self._drawing.close()
        self._looking.close()

    def facts(self, known: KnownSlide) -> dict[str, Any]:
        """Size, µm/px, levels, `origin` on the canvas and public `properties` of a slide.

        Raises:
            Problem: 422 where no reader opens it, or it took too long; 503 where the processes are busy.
        """
        return self._asked(self._looking, known, "facts", {})

    def tile(self, known: KnownSlide, level: int, column: int, row: int) -> bytes:
        """A DeepZoom tile that is there, as JPEG.

        Raises:
            Problem: 422 where it can't be read; 503 where it took too long, or the processes are busy.
        """
        job = {"level": level, "column": column, "row": row}
        return self._drawn(known, "tile", job, f"tile of level {level}")

    def thumbnail(self, known: KnownSlide, max_side: int) -> bytes:
        """The whole slide as JPEG. See `tile`."""
        return self._drawn(known, "thumbnail", {"max_side": max_side})

    def tissue(self, known: KnownSlide) -> bytes:
        """The tissue by rules as PNG, RGBA. See `tile`."""
        return self._drawn(known, "tissue", {})

    def pixels(self, known: KnownSlide, mpp: float, x: int, y: int, size: int) -> NDArray[np.uint8]:
        """(size, size, 3) uint8, RGB, at `mpp` µm/px from level-0 x and y on. See `tile`."""
        job = {"mpp": mpp, "x": x, "y": y, "size": size}
        content = self._drawn(known, "pixels", job)
        return np.frombuffer(content, np.uint8).reshape(size, size, 3)

    def forget(self, path: Path) -> None:
        """Have every process close a slide: its file is gone, and its place on the disk is wanted back."""
        for workers in (self._drawing, self._looking):
            workers.everywhere({"view": "forget", "path": str(path), **self._bounds()})

    def _drawn(self, known: KnownSlide, view: str, job: dict[str, Any], what: str = "") -> bytes:
        check_version(known)
        content: bytes = self._asked(self._drawing, known, view, job, what)[CONTENT]
        return content

    def _asked(
        self, workers: BoundedWorkers, known: KnownSlide, view: str, job: dict[str, Any], what: str = ""
    ) -> dict[str, Any]:
        place = {"view": view, "path": str(known.path), "version": known.version}
        try:
            return workers.ask((known.path, known.version), what or view, {**place, **self._bounds(), **job})
        except WorkerFailedError as error:
            if error.kind is None:
                message = f"{known.path.name} can't be read; copy it again"
            else:
                message = public(str(error), known)
            raise Problem(501 if error.kind == MissingExtraError.__name__ else 422, message) from error
        except OverdueJobError as error:
            took = f"{known.path.name}: {what or view} took longer than {self._limits.view_s:g} s and was ended"
            if view == "facts":
                raise Problem(422, f"{took}; {_PYRAMID}") from error
            raise busy(f"{took}; {_PYRAMID}, or, if the machine is busy,", 30) from error
        except LostWorkerError as error:
            ended = "the process that read it has ended, by damage in it or for want of memory"
            raise Problem(422, f"{known.path.name} can't be read: {ended}; copy it again, or {_PYRAMID}") from error

    def _bounds(self) -> dict[str, int]:
        return {"most": self._limits.open_slides, "cache_bytes": self._limits.slide_cache_bytes}
