"""Several processes on one cohort: what another one works on is left for the end, and then awaited."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from sentinode.core.errors import BusyError

T = TypeVar("T")


def in_turn(paths: Sequence[Path], work: Callable[[Path, bool], T]) -> list[T]:
    """What `work` gives for each slide, in their order.

    Args:
        paths: Slide files.
        work: Called with a slide, and whether to wait for another process that works on it; without, it raises
            `BusyError`, and is called again when all others are done. Should the other process have been killed, the
            work goes on here.
    """
    done: dict[Path, T] = {}
    for wait in (False, True):
        for path in [path for path in paths if path not in done]:
            try:
                done[path] = work(path, wait)
            except BusyError:
                continue
    return [done[path] for path in paths]
