"""Progress bars: shown on a terminal alone, and on standard error."""

import io
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from sentinode.core.progress import Progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_pipe_and_quiet_turn_it_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stderr", io.StringIO())
    assert not Progress.for_terminal(quiet=False).shown
    monkeypatch.setattr(sys, "stderr", Terminal())
    assert Progress.for_terminal(quiet=False).shown
    assert not Progress.for_terminal(quiet=True).shown


def test_silent_when_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    with Progress().bar("packing", 3, "images") as advance:
        advance(1)
        advance(2, note="done")
    assert capsys.readouterr() == ("", "")


@pytest.mark.parametrize("total", [3, None])
def test_shown_with_label_count_and_note_on_standard_error(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, total: int | None
) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.setenv("COLUMNS", "160")
    with Progress(shown=True).bar("packing", total, "images", done=1) as advance:
        advance(2, note="loss 0.3")
        advance(0)
    assert ("3/3" if total else "3 ") in terminal.getvalue()
    assert "packing" in terminal.getvalue()
    assert "images/s" in terminal.getvalue()
    assert "loss 0.3" in terminal.getvalue()
    assert capsys.readouterr().out == ""


def test_slabs_cover_all_and_step_the_bar(monkeypatch: pytest.MonkeyPatch) -> None:
    steps: list[float] = []

    @contextmanager
    def bar(_self: Progress, _label: str, total: int, unit: str) -> Iterator[Callable[[float], None]]:
        assert (total, unit) == (7, "images")
        yield steps.append

    monkeypatch.setattr(Progress, "bar", bar)
    slabs = []
    for part in Progress().slabs("scoring", 7, 3):
        assert len(steps) == len(slabs)  # a slab is counted once it is done
        slabs.append((part.start, part.stop))
    assert slabs == [(0, 3), (3, 6), (6, 7)]
    assert steps == [3, 3, 1]
