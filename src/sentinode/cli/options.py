"""Options that several commands share, and what they make of them."""

import json
import sys
from pathlib import Path
from typing import Annotated, Any, Protocol

import typer

from sentinode.cli.streams import holds_all_letters, write_line
from sentinode.core.progress import Progress

DONE_IN_PART = 1
"""The exit status of a command some of whose images or slides failed."""

Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Show no progress.")]
AsJson = Annotated[bool, typer.Option("--json", help="Print a machine's answer to standard output.")]
Source = Annotated[
    str,
    typer.Option(
        "--data",
        metavar="SOURCE",
        help="The data: pcam:DIR, kaggle:DIR, folder:DIR, medmnist:FILE, csv:FILE, slides:DIR, synthetic:patches or a "
        "path.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="KEY=VALUE", help="Override a recipe's value: training.epochs=3. Repeatable."),
]
Out = Annotated[Path, typer.Option("--out", help="Folder for the result.")]
Engine = Annotated[str, typer.Option(help="auto, openvino or torch.")]


def progress(quiet: bool) -> Progress:
    """The progress bars of this call."""
    return Progress.for_terminal(quiet=quiet)


def say(text: str) -> None:
    """Print a line to standard output at once."""
    write_line(text)


def warn(text: str) -> None:
    """Print a line to standard error."""
    sys.stderr.write(text + "\n")


class Result(Protocol):
    """What a command's one call returns."""

    def summary(self) -> str:
        """A few lines for a person."""
        ...

    def to_json(self) -> Any:
        """A machine's answer."""
        ...


class Warned(Protocol):
    """A result that may be there in part."""

    def warnings(self) -> list[str]:
        """Lines on what is missing; none where nothing is."""
        ...


class PartialResult(Result, Warned, Protocol):
    """A result to print, with lines on what is missing of it."""


def present_part(result: PartialResult, as_json: bool) -> int:
    """Print a result and what is missing of it; the exit status."""
    present(result, as_json)
    return warn_of(result)


def warn_of(result: Warned) -> int:
    """Print what is missing of a result to standard error; the exit status."""
    lines = result.warnings()
    for line in lines:
        warn(line)
    return DONE_IN_PART if lines else 0


def present(result: Result, as_json: bool) -> None:
    """Print a result: for a machine, or for a person."""
    if as_json:
        answer(result.to_json())
    else:
        say(result.summary())


def answer(value: Any) -> None:
    """Print a machine's answer: JSON to standard output."""
    say(as_json_text(value, indent=2))


def as_json_text(value: Any, indent: int | None = None) -> str:
    """JSON that any program reads: where the output is not UTF-8, other letters than ASCII are escaped."""
    # A name that is not UTF-8 can't be written as it is anywhere.
    text = json.dumps(value, indent=indent, ensure_ascii=not holds_all_letters(), allow_nan=False)
    return text if text.isascii() or _encodes(text) else json.dumps(value, indent=indent, allow_nan=False)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
