"""Progress bars with a rate and the time left, on a terminal; silent in a pipe and when told to be quiet."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

Advance = Callable[..., None]
"""Call with a number of units done; the keyword `note` puts a few words (a loss, a metric) beside the bar."""


def _ignore(_amount: float = 1, *, note: str = "") -> None:
    del note


@dataclass(frozen=True)
class Progress:
    """Where long work tells how far it is. Written to standard error, so that standard output stays a machine's."""

    shown: bool = False

    @classmethod
    def for_terminal(cls, *, quiet: bool) -> "Progress":
        """Shown when standard error is a terminal and the user did not ask for quiet."""
        return cls(shown=not quiet and sys.stderr.isatty())

    @contextmanager
    def bar(self, label: str, total: int | None, unit: str, *, done: int = 0) -> Iterator[Advance]:
        """A bar for one piece of work of `total` `unit`s, of which `done` were there before; yields its `Advance`.

        The rate and the time left count only what is done from now on, not what an earlier run had done.
        """
        if not self.shown:
            yield _ignore
            return
        rich_bar = _rich_bar(unit)
        with rich_bar:
            task = rich_bar.add_task(label, total=total, completed=done, start_count=done, note="")

            def advance(amount: float = 1, *, note: str = "") -> None:
                rich_bar.update(task, advance=amount, **({"note": note} if note else {}))

            yield advance

    def slabs(self, label: str, count: int, size: int, unit: str = "images") -> Iterator[slice]:
        """Slices that cover `count` things, at most `size` at a time: bounds memory, and gives a bar its steps.

        Examples:
            >>> [(part.start, part.stop) for part in Progress().slabs("scoring", 5, 2)]
            [(0, 2), (2, 4), (4, 5)]
        """
        with self.bar(label, count, unit) as advance:
            for start in range(0, count, size):
                part = slice(start, min(start + size, count))
                yield part
                advance(part.stop - start)


SILENT = Progress()
"""Shows nothing: what a call from Python does unless it is told otherwise."""


def _rich_bar(unit: str) -> Any:
    # Imported here: rich.progress costs more CPU time than `sentinode --help` may.
    from rich.console import Console
    from rich.progress import BarColumn, ProgressColumn, SpinnerColumn, TextColumn, TimeRemainingColumn
    from rich.progress import Progress as RichProgress

    class Rate(ProgressColumn):
        def render(self, task: Any) -> str:
            elapsed = task.finished_time if task.finished else task.elapsed
            if not elapsed:
                return ""
            return f"{(task.completed - task.fields['start_count']) / elapsed:,.1f} {unit}/s"

    class Count(ProgressColumn):
        def render(self, task: Any) -> str:
            return f"{task.completed:,.0f}" + (f"/{task.total:,.0f}" if task.total is not None else "")

    return RichProgress(
        SpinnerColumn(finished_text="✓"),
        TextColumn("{task.description}"),
        BarColumn(),
        Count(),
        Rate(),
        TimeRemainingColumn(compact=True),
        TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    )
